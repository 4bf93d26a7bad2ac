"""``torchheads doctor``: prints what the checks find, a mark a line, and what to type where something is wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchheads.doctor_checks import CHECKS, Check, Finding, counted, first_line
from torchheads.terminal import printable

HELP = """\
usage: torchheads doctor

Prints versions, whether torch and torchvision fit each other, devices, the folders
that are written to, and known-bad packages. Exit code 1 where something is wrong."""

MARKS = {
    "fine": ("\N{CHECK MARK}", "ok", "green"),
    "absent": ("-", "-", "dim"),
    "wrong": ("\N{BALLOT X}", "!!", "bold red"),
}
"""Mark of a state, its form where the terminal knows no such letter, and its style."""


def run(arguments: Sequence[str], console: Console | None = None) -> None:
    """Print the findings of every check; exit code 1 where something is wrong, 2 for options, of which there are none.

    Args:
        arguments: what was typed after ``doctor``.
        console: where to print; the standard output if None.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        print(HELP)
        return
    if arguments:
        problem = f"torchheads doctor takes no options; {arguments[0]!r} came"
        print(f"TH-H05: {problem}. Try: torchheads doctor", file=sys.stderr)
        raise SystemExit(2)
    console = console or Console(highlight=False)
    findings = {title: examine(check) for title, check in CHECKS.items()}
    for title, lines in findings.items():
        console.print(Text(title, style="bold"))
        console.print(table(lines, console.encoding))
    wrong = sum(finding.state == "wrong" for lines in findings.values() for finding in lines)
    if wrong:
        console.print(f"\n{counted(wrong, 'thing')} wrong; what to type stands below each.")
        raise SystemExit(1)
    console.print("\nEverything is fine.")


def examine(check: Check) -> list[Finding]:
    """The findings of a check; one that breaks down is a finding too, and takes no other with it."""
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except Exception as error:
        problem = f"broke down: {type(error).__name__}: {first_line(error)}"
        findings.append(Finding(check.__name__, problem, "wrong", "uv sync, or a new virtual environment"))
    return findings


def table(findings: Sequence[Finding], encoding: str) -> Table:
    """Findings as lines of mark, subject and text, with what to type below."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, min_width=12)
    grid.add_column(overflow="fold")
    for finding in findings:
        mark, plain, style = MARKS[finding.state]
        grid.add_row(
            Text(f"  {mark if encoding.startswith('utf') else plain}", style),
            finding.subject,
            Text(printable(finding.text, encoding), "dim" if finding.state == "absent" else ""),
        )
        if finding.remedy:
            grid.add_row("", "", Text(printable(f"Try: {finding.remedy}", encoding), "bold"))
    return grid
