"""Turns the figures of one piece of gpu_suite.sh into small text: PIECE.json and PIECE.md in a folder.

    python scripts/gpu_results.py --card                                 # a folder name for the card of this machine
    python scripts/gpu_results.py head_step raw1.json [raw2.json ...] --folder docs/results/nvidia-h100 --seconds 120

Raw figures are what the benchmarks write, `{"records": [{...}]}`, or a JUnit file of pytest. The JSON adds card,
versions and date; it appears last and at once, so a piece that has one is a piece that ran to its end.
"""

import argparse
import json
import platform
import re
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "triton", "liger_kernel", "cut_cross_entropy")


def card() -> str:
    """The name of the first CUDA card, else of the processor's kind."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"{platform.machine()} cpu"


def slug(name: str) -> str:
    """A name for a folder.

    Example:
        >>> slug("NVIDIA H100 80GB HBM3")
        'nvidia-h100-80gb-hbm3'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def versions() -> dict[str, str]:
    """Of Python and of the packages that are there."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a raw file."""
    if path.suffix != ".xml":
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["records"]
        return records
    counts: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        outcomes = {child.tag for child in case} & {"failure", "error", "skipped"}
        counts.setdefault(case.get("classname", ""), Counter())[outcomes.pop() if outcomes else "passed"] += 1
    kinds = ("passed", "failure", "error", "skipped")
    return [{"file": file, **{kind: count[kind] for kind in kinds}} for file, count in sorted(counts.items())]


def table(records: list[dict[str, Any]]) -> list[str]:
    """A Markdown table of records; what all of them share stands above it, once.

    Example:
        >>> table([{"head": "softmax", "batch": 8, "s": 0.12345}, {"head": "sigmoid", "batch": 8, "s": 2000.4}])[0]
        'batch=8'
    """
    keys = list(dict.fromkeys(key for record in records for key in record))
    shared = {key for key in keys if len(records) > 1 and len({json.dumps(r.get(key)) for r in records}) == 1}
    columns = [key for key in keys if key not in shared]
    rows = [[shown(record.get(key)) for key in columns] for record in records]
    heading = ", ".join(f"{key}={shown(records[0].get(key))}" for key in keys if key in shared)
    lines = [columns, ["---"] * len(columns), *rows]
    return [heading, "", *("| " + " | ".join(line) + " |" for line in lines)]


def shown(value: object) -> str:
    """A value as a reader wants it: four digits that count."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "-" if value is None else str(value)


def main() -> None:
    """Print the card's folder name, or write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", nargs="?")
    parser.add_argument("raw", nargs="*", type=Path)
    parser.add_argument("--card", action="store_true", help="print a folder name for the card and stop")
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--seconds", type=int, default=0, help="how long the piece took")
    options = parser.parse_args()
    if options.card:
        print(slug(card()))
        return
    records = [record for path in options.raw for record in read_records(path)]
    facts = {"card": card(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "seconds": options.seconds}
    record = {"piece": options.piece, **facts, "versions": versions(), "records": records}
    described = ", ".join(f"{package} {number}" for package, number in record["versions"].items())
    lines = [f"# {options.piece}", "", f"{facts['card']}, {facts['date']}, {options.seconds} s. {described}.", ""]
    options.folder.mkdir(parents=True, exist_ok=True)
    target = options.folder / f"{options.piece}.json"
    target.with_suffix(".md").write_text("\n".join([*lines, *table(records)]) + "\n", encoding="utf-8")
    target.with_suffix(".tmp").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    target.with_suffix(".tmp").replace(target)


if __name__ == "__main__":
    main()
