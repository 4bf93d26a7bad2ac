"""No text of a stranger reaches the terminal as anything but visible letters."""

import pytest

from torchheads.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("zebra crossing", "zebra crossing"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\r\t\x07", r"a\nb\r\t\x07"),
        ("cat\u202etac", r"cat\u202etac"),  # reverses what follows it
        ("\udcff", r"\udcff"),  # a byte of a command line that is no UTF-8
        ("猫 é 🐄", "猫 é 🐄"),
        ("[red]", "[red]"),
    ],
)
def test_control_characters_are_shown_not_sent(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).isprintable()


def test_what_a_terminal_cannot_show_is_escaped() -> None:
    assert printable("é猫", "latin-1") == r"é\u732b"
    assert printable("é猫", "ascii") == r"\xe9\u732b"
