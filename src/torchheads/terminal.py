"""Text of strangers (class names, paths, messages) made safe to print on a terminal."""


def printable(text: str, encoding: str = "utf-8") -> str:
    r"""A text whose control characters are shown, not sent, so that no name can colour, move or hide what follows.

    Use it for text that came from a command line, a file or another library; rich markup is no danger in a
    ``rich.text.Text``.

    Args:
        text: any text.
        encoding: of the terminal; what it cannot show is escaped too.

    Example:
        >>> printable("cat\x1b[31m\n"), printable("\u732b", "ascii"), printable("[red]\u732b")
        ('cat\\x1b[31m\\n', '\\u732b', '[red]猫')
    """
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)
