"""Seconds and memory to load a manifest of a million rows: CSV in each of its three shapes, and Parquet.

The tables are made at run time in a temporary folder: picture paths, a split column, and 20 labels as columns of 0 and
1, as label sets, or as one class a row. Each is loaded in a process of its own, by what `data=manifest` does until the
first picture is opened: read, find the columns, labels to tensors, paths, a look for each picture's file (none is
there, the slowest case), and the stratified cut of val and calibration. The memory is the peak of the process less what
it held after the imports; pyarrow is imported with the first Parquet file and counts.

    python scripts/benchmarks/manifest_scale.py --output out.json
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = 20
SHARE = 0.1  # of the rows that have a label
REQUIRED_SECONDS, REQUIRED_MEGABYTES = 30.0, 1000.0
BLOCK = 10_000


def blocks(rows: int) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """The same random label sets for every table: first row and sets of each block."""
    rng = np.random.default_rng(0)
    for start in range(0, rows, BLOCK):
        yield start, rng.random((min(BLOCK, rows - start), CLASSES)) < SHARE


def flag_cells(labels: NDArray[np.bool_]) -> str:
    """A cell a label."""
    return ",".join("01"[flag] for flag in labels.tolist())


def set_cells(labels: NDArray[np.bool_]) -> str:
    """All labels in one cell."""
    return ";".join(f"label_{label}" for label in np.flatnonzero(labels))


def class_cells(labels: NDArray[np.bool_]) -> str:
    """The first label, or the last class where there is none."""
    return f"label_{int(labels.argmax()) if labels.any() else CLASSES - 1}"


NAMES = ",".join(f"label_{label}" for label in range(CLASSES))
SHAPES: dict[str, tuple[str, Callable[[NDArray[np.bool_]], str]]] = {
    "flags": (NAMES, flag_cells),
    "sets": ("labels", set_cells),
    "classes": ("label", class_cells),
}


def write_csv(path: Path, rows: int, shape: str) -> None:
    """Write a table as text."""
    names, cells = SHAPES[shape]
    with path.open("w", encoding="utf-8") as file:
        file.write(f"image,{names},split\n")
        for start, labels in blocks(rows):
            lines = enumerate(labels, start)
            file.writelines(f"{picture(row)},{cells(known)},{split(row)}\n" for row, known in lines)


def write_parquet(path: Path, csv: Path) -> None:
    """Write a CSV table as Parquet."""
    from pyarrow import csv as reader
    from pyarrow import parquet

    parquet.write_table(reader.read_csv(csv), path)


def picture(row: int) -> str:
    """Path of a picture, a thousand in a folder."""
    return f"images/{row // 1000:04d}/picture_{row:07d}.jpg"


def split(row: int) -> str:
    """Every tenth row is tested on."""
    return "test" if row % 10 == 0 else "train"


def peak() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load(path: Path, rows: int) -> dict[str, float]:
    """Load a table in this process."""
    from torchheads.data import Manifest
    from torchheads.data.cutting import cut

    before, start = peak(), time.perf_counter()
    data = Manifest(str(path), skip_bad=rows)
    source = data.source
    read, memory = time.perf_counter(), peak()
    parts = cut(source, data.shares, 0)
    assert sum(len(part.target) for part in parts.values()) == rows
    return {
        "read_seconds": read - start,
        "read_megabytes": memory - before,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time(),
        "megabytes": peak() - before,
        "megabytes_of_imports": before,
    }


def measure(path: Path, rows: int) -> dict[str, float]:
    """Load a table in a process of its own."""
    command = [sys.executable, __file__, "--load", str(path), "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    record: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return record


def main() -> None:
    """Make the tables, load each, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)  # what the measured process is called with
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.load, options.rows)))
        return

    results = {}
    print(f"{options.rows:,} rows, {CLASSES} labels; MB beyond the imports; read, then read and split")
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            file = Path(folder) / f"{shape}.csv"
            write_csv(file, options.rows, shape)
            results[f"csv {shape}"] = measure(file, options.rows)
            if shape == "flags":
                write_parquet(file.with_suffix(".parquet"), file)
                results["parquet flags"] = measure(file.with_suffix(".parquet"), options.rows)
    for name, result in results.items():
        reading = f"{result['read_seconds']:6.1f} s {result['read_megabytes']:6.0f} MB"
        print(f"{name:14s} {reading}   {result['seconds']:6.1f} s {result['megabytes']:6.0f} MB")
    print(f"required: {REQUIRED_SECONDS:.0f} s, {REQUIRED_MEGABYTES:.0f} MB")
    if options.output:
        record = {"rows": options.rows, "classes": CLASSES, "python": platform.python_version(), "tables": results}
        options.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
