"""Write docs/errors.md: every error code, read from the source, and how many tests each group has.

python scripts/docs/write_errors_page.py
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SOURCE, TESTS, PAGE = ROOT / "src" / "torchheads", ROOT / "tests", ROOT / "docs" / "errors.md"
CODE = re.compile(r"[A-Z]\d\d")
CATALOGUE = yaml.safe_load(Path(__file__).with_name("errors_catalogue.yaml").read_text(encoding="utf-8"))
GROUPS, ENTRIES, NO_ERRORS, ALIASES = (CATALOGUE[part] for part in ("groups", "codes", "no_errors", "aliases"))
MENTION = re.compile(r"(?<![A-Z0-9])(?:TH-)?([A-Z]\d\d)(?![0-9])")

SUBJECTS = {
    "torch.compile": "compile",
    "torch.export": "export",
    "autocast": "autocast",
    "functional_call, vmap": "functional_call|vmap|ensemble",
    "DDP": "ddp|distributed_data_parallel",
    "FSDP2": "fsdp",
    "deepcopy": "copy|copies",
    "pickle": "pickl",
    "meta device": "meta",
    "safetensors": "safetensors",
}

HEAD = """# Errors

This page is written by `scripts/docs/write_errors_page.py` from the source; change it there.

Whatever torchheads refuses is refused with an error of its own, which says what came, where, what is allowed and what
to type. Each is a `TorchHeadsError` and also the built-in error it belongs to, and carries its parts:

```python
>>> import torch
>>> from torchheads import SoftmaxHead
>>> from torchheads.errors import TorchHeadsError
>>> head = SoftmaxHead(in_features=4, num_classes=3, class_names=["cat", "dog", "cow"])
>>> try:
...     head.loss(torch.zeros(2, 4), torch.tensor([0, -1]))
... except TorchHeadsError as error:
...     print(error.code, isinstance(error, ValueError))
...     print(error.problem)
...     print(error.remedy)
T02 True
SoftmaxHead got class index -1 at sample 1; allowed 0..2, 0 ('cat') to 2 ('cow')
ignore_index=-1 (head.ignore_index=-1) if it marks unknown rows

```
"""


@cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def error_classes() -> dict[str, str]:
    """The classes that carry a code, each with the built-in it belongs to; ``warn`` stands for the warnings."""
    tree = parsed(SOURCE / "errors.py")
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return {name: ", ".join(ast.unparse(base) for base in node.bases) for name, node in classes.items()} | {"warn": ""}


def codes_in(node: ast.AST) -> set[str]:
    """Codes among the string constants of a node, docstrings aside (a docstring is never a code alone)."""
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}


def called(call: ast.Call) -> str:
    """Name of what is called, without the module it is in."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def imported(tree: ast.Module) -> Iterator[ast.Module]:
    """The files of torchheads that a file imports from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torchheads."):
            file = SOURCE.joinpath(*node.module.split(".")[1:]).with_suffix(".py")
            if file.exists() and file.name != "errors.py":
                yield parsed(file)


def calls_in(tree: ast.Module, names: set[str]) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Calls of the names given, each with the innermost function (or the file) it is in."""
    places = [(tree, node) for node in ast.iter_child_nodes(tree)]
    while places:
        place, node = places.pop()
        if isinstance(node, ast.Call) and called(node) in names:
            yield node, place
        inside = node if isinstance(node, ast.FunctionDef) else place
        places += [(inside, child) for child in ast.iter_child_nodes(node)]


def codes_of(call: ast.Call, place: ast.AST, tree: ast.Module, names: set[str]) -> set[str]:
    """The codes a call may carry: those it names, else those of its function, its file, the files it imports from.

    Of a file only those that no call names, which must be there for another one.
    """
    named = codes_in(call.args[0]) if call.args else set()
    if named or (call.args and isinstance(call.args[0], ast.Constant)):
        return named
    spoken_for = {code for other, _ in calls_in(tree, names) if other.args for code in codes_in(other.args[0])}
    return codes_in(place) or codes_in(tree) - spoken_for or set().union(*map(codes_in, imported(tree)))


def raised() -> dict[str, dict[str, set[str]]]:
    """For each code the classes it is raised as, and the files that raise each."""
    names, found = set(error_classes()), defaultdict(lambda: defaultdict(set))
    for file in sorted(SOURCE.rglob("*.py")):
        if file.name == "errors.py":
            continue
        tree = parsed(file)
        for call, place in calls_in(tree, names):
            for code in codes_of(call, place, tree, names):
                found[code][called(call)].add(file.relative_to(SOURCE).as_posix())
    for code, file in in_tables():  # of a table only the code is known: its class is that of its other calls
        for name in found.get(code) or [ENTRIES[code]["class"]]:
            found[code][name].add(file)
    return {code: dict(found[code]) for code in sorted(found)}


def in_tables() -> Iterator[tuple[str, str]]:
    """Codes and files of tables that other files raise from; those of the room of tests are what it expects."""
    for file in sorted(SOURCE.rglob("*.py")):
        tree, name = parsed(file), file.relative_to(SOURCE).as_posix()
        if not name.startswith(("testing/", "errors.py")):
            yield from ((code, name) for code in sorted(codes_in(tree)))


def mentions() -> dict[str, int]:
    """In how many places of the tests each code stands: texts, keys of tables, names such as ``test_t09_...``."""
    counts: dict[str, int] = defaultdict(int)
    for file in sorted(TESTS.rglob("test_*.py")):
        if file.name == "test_errors_page.py":
            continue
        for node in ast.walk(parsed(file)):
            text = node.value if isinstance(node, ast.Constant) else ""
            named = re.findall(r"_([a-z]\d\d)(?=_)", node.name) if isinstance(node, ast.FunctionDef) else []
            for code in {code.upper() for code in named} | set(MENTION.findall(text if isinstance(text, str) else "")):
                counts[code] += 1
    return dict(counts)


def works_under() -> dict[str, list[str]]:
    """For each subject the tests of ``tests/heads/test_works_under.py`` whose names speak of it."""
    file = TESTS / "heads" / "test_works_under.py"
    tree = parsed(file) if file.exists() else ast.Module([], [])
    tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {name: [test for test in tests if re.search(pattern, test)] for name, pattern in SUBJECTS.items()}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code_rows(group: str, found: dict[str, dict[str, set[str]]]) -> list[list[str]]:
    """The rows of a group: code, class, meaning, example, remedy, files."""
    rows = []
    for code in (code for code in found if code.startswith(group)):
        classes = " ".join(f"`{'TorchHeadsWarning' if name == 'warn' else name}`" for name in sorted(found[code]))
        files = " ".join(f"`{file}`" for file in sorted(set().union(*found[code].values())))
        words = [ENTRIES[code][part] for part in ("meaning", "example", "remedy")]
        rows.append([f"`TH-{code}`", classes, *words, files])
    return rows


def page() -> str:
    """The whole page."""
    found, counts = raised(), mentions()
    parts = [HEAD]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts.append(table(["code", "class", "meaning", "example", "what to do", "raised in"], code_rows(group, found)))
    parts.append("## What is no error\n\nInput that other libraries stumble over and that has an answer here.\n")
    parts.append(table(["row", "answer"], [[row, answer] for row, answer in NO_ERRORS.items()]))
    parts.append(
        "## Counted\n\nCodes of each group, how many of them a test names, and in how many places of the tests.\n"
    )
    parts.append(table(["group", "codes", "with a test", "places"], [*count_rows(found, counts)]))
    parts.append("What heads work under, and the tests that show it (`tests/heads/test_works_under.py`).\n")
    shown = [[name, " ".join(f"`{test}`" for test in tests) or "none"] for name, tests in works_under().items()]
    parts.append(table(["under", "tests"], shown))
    return "\n".join(parts)


def count_rows(found: dict[str, dict[str, set[str]]], counts: dict[str, int]) -> Iterator[list[str]]:
    """Codes, codes with a test and mentions of each group and of all; rows that are no error count as codes."""
    everything = [*found, *(row for row in NO_ERRORS if row not in found)]
    for name, group in [*((f"{group}: {title}", group) for group, title in GROUPS.items()), ("all", "")]:
        codes = [code for code in everything if code.startswith(group)]
        tested = [code for code in codes if counts.get(code)]
        yield [name, str(len(codes)), str(len(tested)), str(sum(counts[code] for code in tested))]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
