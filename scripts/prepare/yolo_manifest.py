"""Write a manifest for pictures with boxes in YOLO's text format: a picture, its set of labels and its split a row.

The data lie as root/{train,valid,test}/{images,labels}, one text file a picture, one box a line that begins with the
number of its class; data.yaml holds the names of the classes. A picture's labels are the classes of its boxes; an empty
or absent text file is a picture without a label.

    python scripts/prepare/yolo_manifest.py --root aquarium --output aquarium.csv
    python train.py data=manifest data.path=aquarium.csv data.root=aquarium head=sigmoid

`--merge-valid` makes the published validation pictures test pictures too, so that validation is cut from the training
pictures by seed.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
FOLDERS = {"train": "train", "valid": "val", "val": "val", "test": "test"}
SEPARATOR = ";"


class Row(NamedTuple):
    """One picture: its path below the root, its labels with `SEPARATOR` between, its split."""

    image: str
    labels: str
    split: str


def class_names(root: Path) -> list[str]:
    """Names of the classes in data.yaml, which lists them or numbers them.

    Raises:
        SystemExit: when the file is missing or holds no usable names.
    """
    file = root / "data.yaml"
    if not file.is_file():
        sys.exit(f"{file} is missing: it holds the names of the classes")
    names = yaml.safe_load(file.read_text(encoding="utf-8")).get("names")
    names = [names[number] for number in sorted(names)] if isinstance(names, dict) else list(names or ())
    names = [str(name).strip() for name in names]
    wrong = [name for name in names if not name or SEPARATOR in name or names.count(name) > 1]
    if not names or wrong:
        sys.exit(f"{file}: names are {names}; allowed different names without {SEPARATOR!r}")
    return names


def labels_of(file: Path, names: list[str]) -> list[str]:
    """The classes of the boxes in a text file, each once, in the order of their numbers.

    Raises:
        SystemExit: for a line that does not begin with the number of a class.
    """
    numbers = set()
    for line, text in enumerate(file.read_text(encoding="utf-8").splitlines() if file.exists() else [], start=1):
        if text.strip():
            word = text.split()[0]
            if not word.isdecimal() or int(word) >= len(names):
                sys.exit(f"{file}, line {line}: {word!r} is no class; allowed 0..{len(names) - 1}")
            numbers.add(int(word))
    return [names[number] for number in sorted(numbers)]


def rows(root: Path, names: list[str], merge_valid: bool) -> Iterator[Row]:
    """One row a picture, folder by folder, in the order of file names."""
    for folder, split in FOLDERS.items():
        for picture in sorted((root / folder / "images").glob("*")):
            if picture.suffix.lower() in PICTURES:
                labels = labels_of(root / folder / "labels" / f"{picture.stem}.txt", names)
                path = picture.relative_to(root).as_posix()
                yield Row(path, SEPARATOR.join(labels), "test" if merge_valid and split == "val" else split)


def main() -> None:
    """Read the folders, write the table, say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="holds data.yaml and the folders train, valid, test")
    parser.add_argument("--output", type=Path, required=True, help="the table to write")
    parser.add_argument("--merge-valid", action="store_true", help="count the validation pictures as test pictures")
    options = parser.parse_args()

    names = class_names(options.root)
    table = list(rows(options.root, names, options.merge_valid))
    if not table:
        sys.exit(f"no pictures in {options.root}/{{train,valid,test}}/images")
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(table)
    for split in dict.fromkeys(row.split for row in table):
        part = [row for row in table if row.split == split]
        boxes = sum(len(row.labels.split(SEPARATOR)) for row in part if row.labels)
        empty = sum(not row.labels for row in part)
        print(f"{split:12s} {len(part):6,} pictures, {boxes / len(part):.2f} labels each, {empty} without a label")
    print(f"{options.output}: {len(names)} classes, {', '.join(names)}")


if __name__ == "__main__":
    main()
