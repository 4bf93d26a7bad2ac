"""Every command in README, documentation and configs is one that can be typed: it composes and passes all checks."""

import re
import shlex
from pathlib import Path

import pytest

from torchheads.cli import COMMANDS
from torchheads.config import check_command
from torchheads.errors import TorchHeadsError
from torchheads.explain_options import read_options

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = rf"(?:uv run |python )train\.py|torchheads (?:{'|'.join(COMMANDS)})"
COMMAND = re.compile(rf"(?:^|(?<=[`\s]))(?:{PROGRAM})(?: [^`\n]*)?")


def commands(text: str) -> list[str]:
    """The commands of a text, each up to the comment, the full stop or the wide gap that ends it.

    A command that needs options and has none is its name in a sentence.
    """
    found = [re.split(r"  | #|\.$", match[0])[0].strip() for match in COMMAND.finditer(text)]
    return [command for command in found if len(command.split()) > 2 or command.endswith("doctor")]


def of_configs() -> list[str]:
    """The first comment line of every YAML file that holds a command."""
    texts = (path.read_text(encoding="utf-8").splitlines()[:2] for path in sorted((ROOT / "configs").rglob("*.yaml")))
    firsts = [next(line for line in lines if line.startswith("# ") and "@package" not in line) for lines in texts]
    return [command for first in firsts for command in commands(first.removeprefix("# "))]


FOUND = list(dict.fromkeys([command for page in PAGES for command in commands(page.read_text("utf-8"))] + of_configs()))


def check(command: str, files: Path) -> None:
    """Read a command as the command line reads it; placeholders of files become files."""
    program, *words = shlex.split(command.replace("uv run ", "python "))
    name, *words = ["train", *words[1:]] if program == "python" else words
    for word in ("RUN/checkpoints/final.ckpt", "RUN/checkpoints/last.ckpt", "outputs/my_run/checkpoints/final.ckpt"):
        file = files / Path(word).name
        file.touch()
        words = [part.replace(word, str(file)) for part in words]
    picture = files / "picture.png"
    picture.touch()
    words = [part.replace("picture.png", str(picture)) for part in words if part != "..."]
    if name == "explain":
        read_options(words)
    elif name == "doctor":
        assert words == []
    elif name == "report":
        assert all(not word.startswith("-") for word in words)
    else:
        check_command(name, words)


@pytest.mark.parametrize("command", FOUND)
def test_a_documented_command_passes_every_check(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "files"
    files.mkdir()
    monkeypatch.chdir(tmp_path)
    check(command, files)


def test_the_commands_are_found() -> None:
    assert len(FOUND) >= 45
    for start in ("torchheads doctor", "torchheads explain", "torchheads evaluate", "torchheads predict"):
        assert any(command.startswith(start) for command in FOUND)
    assert "python train.py head=sigmoid" in FOUND
    assert "python train.py -m head=softmax,sigmoid seed=0,1,2" in FOUND


@pytest.mark.parametrize(
    "text",
    [
        "python train.py head=sigmoid loss.pos_weight=null # a comment",
        "say `torchheads train head=sofmax`.",
        "torchheads evaluate split=tset checkpoint=RUN/checkpoints/final.ckpt      # a gap",
        "    torchheads explain cat=1",
    ],
)
def test_a_wrong_command_is_found(text: str, tmp_path: Path) -> None:
    (command,) = commands(text)
    with pytest.raises(TorchHeadsError):
        check(command, tmp_path)


def test_the_first_screen_of_the_readme() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    screen = "\n".join(lines[:20])
    for part in ("Softmax or sigmoid?", "uv run train.py", "uv run pytest", "pip install uv", "head.predict(logits)"):
        assert part in screen
    assert lines[19].startswith("**One word swaps the head")
    text = "\n".join(lines)
    for link in (
        "(docs/softmax_or_sigmoid.md)",
        "(docs/coming_from_torch.md)",
        "`torchheads explain ",
        "torchheads doctor",
    ):
        assert link in text
