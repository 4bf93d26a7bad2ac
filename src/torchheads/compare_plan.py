"""What a study consists of: its runs, by data set and head, each a command line and a folder; nothing is started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, final

from torchheads.errors import HeadConfigError
from torchheads.tuning import Search

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][\w.+ =,-]*")


@final
class Cell(NamedTuple):
    """One head on one data set: a search for its options on validation, then one run a seed.

    Attributes:
        data: the name of the data set in the study.
        head: the name of the head in the study.
        overrides: the command line of every run of the cell, without what is searched and the seed.
        folder: holds the folders of its runs.
    """

    data: str
    head: str
    overrides: tuple[str, ...]
    folder: Path

    def __str__(self) -> str:
        """As progress and errors name it."""
        return f"{self.data} {self.head}"


@final
class Job(NamedTuple):
    """One run of a cell.

    Attributes:
        cell: whose run it is.
        name: "tune-3" or "seed-0".
        options: what is tried, or what was found best.
        overrides: the whole command line after ``torchheads train``, but for the folder.
    """

    cell: Cell
    name: str
    options: Mapping[str, Any]
    overrides: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where the finished run is; it is there only once the run is finished."""
        return self.cell.folder / self.name

    @property
    def labels(self) -> dict[str, Any]:
        """What is written beside the results: whose run it is, and the command line that repeats it."""
        names = {"data": self.cell.data, "head": self.cell.head}
        return {**names, "options": dict(self.options), "overrides": list(self.overrides)}

    def __str__(self) -> str:
        """As progress and errors name it."""
        return f"{self.cell} {self.name}"


def tuning_job(cell: Cell, number: int, options: Mapping[str, Any], seed: int) -> Job:
    """A run that tries options: it never looks at the test split."""
    typed = (*cell.overrides, *assigned(options), f"seed={seed}", "test=false")
    return Job(cell, f"tune-{number}", options, typed)


def seed_job(cell: Cell, seed: int, options: Mapping[str, Any]) -> Job:
    """A run of the comparison."""
    return Job(cell, f"seed-{seed}", options, (*cell.overrides, *assigned(options), f"seed={seed}"))


def assigned(options: Mapping[str, Any]) -> list[str]:
    """Options as they are typed.

    Example:
        >>> assigned({"optimizer.lr": 0.003})
        ['optimizer.lr=0.003']
    """
    return [f"{key}={value}" for key, value in options.items()]


def cells_of(config: Mapping[str, Any], folder: Path) -> list[Cell]:
    """The cells of a study, all heads of a data set one after the other.

    Args:
        config: the checked configuration of ``torchheads compare``.
        folder: of the study.

    Raises:
        HeadConfigError: code H40, for a study without heads or data, or with names or command lines that are none.
    """
    study = config["study"]
    heads, data = (list(named_lines(study, part)) for part in ("heads", "data"))
    every = lines(study.get("options") or [], "study.options")
    return [
        Cell(name, head, (*every, *typed, *chosen), folder / "runs" / name / head)
        for name, typed in data
        for head, chosen in heads
    ]


def part_of(cells: Sequence[T], part: int, parts: int) -> list[T]:
    """Those that one of several commands runs: every ``parts``-th, from the ``part``-th on.

    Raises:
        HeadConfigError: code H40, for a part that there is not.

    Example:
        >>> part_of("abcde", 1, 2)
        ['b', 'd']
    """
    if not 0 <= part < parts:
        raise HeadConfigError("H40", f"part={part} of parts={parts}; allowed 0 to {parts - 1}", "part=0 parts=1")
    return list(cells[part::parts])


def named_lines(study: Mapping[str, Any], part: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The command lines of a section of the study, by their names, which become folders.

    Raises:
        HeadConfigError: code H40.
    """
    section = study.get(part)
    remedy = f"study.{part}: {{my_{part}: [...]}} in a file of configs/study"
    if not isinstance(section, Mapping) or not section:
        raise HeadConfigError("H40", f"study.{part}={section}; allowed names, each with a command line", remedy)
    for name, typed in section.items():
        if not _NAME.fullmatch(str(name)):
            problem = (
                f"study.{part} has the name {name!r}; allowed letters, digits and . _ - + = , after a letter or digit"
            )
            raise HeadConfigError("H40", problem, remedy)
        if typed is not None:
            yield str(name), lines(typed, f"study.{part}.{name}")


def lines(typed: Any, where: str) -> tuple[str, ...]:
    """A list of overrides as text.

    Raises:
        HeadConfigError: code H40, for something else.

    Example:
        >>> lines(["head=softmax", "head.prior=zero"], "study.heads.zero")
        ('head=softmax', 'head.prior=zero')
    """
    if not isinstance(typed, list) or not all(isinstance(entry, str) and "=" in entry for entry in typed):
        problem = f"{where}={typed}; allowed a list of options as torchheads train takes them"
        raise HeadConfigError("H40", problem, f"{where}=[head=softmax]")
    return tuple(typed)


def planned(cells: Sequence[Cell], seeds: Sequence[int], search: Search | None) -> int:
    """How many runs a study has in all."""
    return len(cells) * (len(seeds) + (search.size if search else 0))
