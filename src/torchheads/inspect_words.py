"""What is known of the inputs of a data set, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LISTED = 8
"""Features that never change which a line lists."""


def title(record: Mapping[str, Any]) -> str:
    """Data set, rows, what a row is, classes and label type, in one line."""
    rows = sum(record["samples"].values())
    tasks = [
        f"{task['task'] or ''} {task['num_classes']:,} classes, {task['label_type']}-label".strip()
        for task in record["tasks"]
    ]
    return f"{record['data']}: {rows:,} rows of {record['inputs']['kind']}; {'; '.join(tasks)}"


def input_lines(inputs: Mapping[str, Any]) -> Iterator[str]:
    """What the inputs are, and what is made of pictures."""
    if inputs["kind"] == "features":
        yield from feature_lines(inputs)
        return
    if "files" in inputs:
        yield file_line(inputs["files"])
    yield format_line(inputs["format"])


def feature_lines(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Number and range of features; those that say nothing, and values that are no numbers.

    Example:
        >>> record = {"dimension": 9, "smallest": -1.5, "largest": 40.0, "constant": [3], "not_finite": {"train": 0}}
        >>> list(feature_lines(record))
        ['Features: 9, from -1.5 to 40; 1 never changes in training (column 3).']
    """
    constant, count = inputs["constant"], len(inputs["constant"])
    columns = ", ".join(map(str, constant[:LISTED])) + (", ..." if count > LISTED else "")
    verb = "never changes" if count == 1 else "never change"
    still = f"; {count:,} {verb} in training (column{'s' * (count > 1)} {columns})" if constant else ""
    yield f"Features: {inputs['dimension']:,}, from {inputs['smallest']:.4g} to {inputs['largest']:.4g}{still}."
    for name, bad in inputs["not_finite"].items():
        if bad:
            yield f"Features: {bad:,} values of {name} are NaN or infinite."


def file_line(files: Mapping[str, Any]) -> str:
    """Sizes and modes of the pictures in files."""
    sizes, read = files["sizes"], files["headers_read"]
    looked = f"{files['pictures']:,} files" + (f" ({read:,} looked at)" if read < files["pictures"] else "")
    modes = ", ".join(f"{mode} {count:,}" for mode, count in files["modes"].items())
    common = sizes["most_common"][0]
    if sizes["different"] == 1:
        return f"Pictures: {looked}, all {by(common['size'])} (height x width), {modes}."
    span = f"from {by(sizes['smallest'])} to {by(sizes['largest'])}, median {by(sizes['median'])} (height x width)"
    most = f"{common['pictures']:,} of {by(common['size'])}"
    return f"Pictures: {looked}, {sizes['different']:,} sizes {span}, most often {most}; {modes}."


def format_line(made: Mapping[str, Any]) -> str:
    """What pictures are turned into, and whether all of them fit into memory.

    Example:
        >>> made = {"channels": 3, "size": (64, 64), "resize": None, "gigabytes": 0.0078}
        >>> format_line(made | {"cache_gb": 4.0, "cached": True})
        'The model sees: 3 x 64 x 64 (channels x height x width); all of it is 7.8 MB, in memory (data.cache_gb=4).'
    """
    cut = f", the centre of the shorter side scaled to {made['resize']}" if made["resize"] else ""
    size = f"{made['gigabytes'] * 1000:,.1f} MB" if made["gigabytes"] < 1 else f"{made['gigabytes']:,.1f} GB"
    budget = f"data.cache_gb={made['cache_gb']:g}"
    place = f"in memory ({budget})" if made["cached"] else f"more than {budget}: workers decode each batch anew"
    place = "in memory" if made["cache_gb"] == float("inf") else place
    shape = f"{made['channels']} x {by(made['size'])}"
    return f"The model sees: {shape} (channels x height x width){cut}; all of it is {size}, {place}."


def duplicate_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Rows that come twice inside a split; that there are none, and what was not compared, is said too."""
    repeated = {name: repeats for name, repeats in found["within"].items() if repeats["rows"]}
    shared = any(repeats["rows"] for repeats in found["between"])
    none = "no row comes twice" + (" inside a split" if shared else ", neither inside a split nor in two")
    yield f"Duplicates: {within_words(repeated) if repeated else none} (compared: {found['compared']})."
    for key, words in (("blank", "the same value everywhere, left out here"), ("left_out", "not compared")):
        if any(found[key].values()):
            yield f"Duplicates: {words}: {rows_of(found[key])}."


def rows_of(counts: Mapping[str, int]) -> str:
    """How many rows of which splits.

    Example:
        >>> rows_of({"train": 1186, "val": 0, "test": 1})
        '1,186 of train, 1 of test'
    """
    return ", ".join(f"{count:,} of {name}" for name, count in counts.items() if count)


def within_words(repeated: Mapping[str, Mapping[str, Any]]) -> str:
    """Rows of splits that repeat an earlier row of theirs, with an example.

    Example:
        >>> within_words({"val": {"rows": 2, "relabelled": 1, "named": [["row 0 of val", "row 3 of val"]]}})
        'rows that repeat an earlier one: 2 of val, 1 with other labels (row 3 of val = row 0 of val)'
    """
    first, second = next(iter(repeated.values()))["named"][0]
    rows = rows_of({name: repeats["rows"] for name, repeats in repeated.items()})
    relabelled = sum(repeats["relabelled"] for repeats in repeated.values())
    return f"rows that repeat an earlier one: {rows}{other_labels(relabelled)} ({second} = {first})"


def leak_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Rows of a split that are in another one too.

    Example:
        >>> repeats = {"split": "train", "other": "test", "rows": 1, "relabelled": 0}
        >>> list(leak_lines({"between": [repeats | {"named": [["a.jpg (row 1)", "b.jpg (row 9)"]]}]}))
        ['1 row of test repeats one of train (b.jpg (row 9) = a.jpg (row 1))']
    """
    for repeats in found["between"]:
        if repeats["rows"]:
            first, second = repeats["named"][0]
            verb = "row of {} repeats" if repeats["rows"] == 1 else "rows of {} repeat"
            rows = f"{repeats['rows']:,} {verb.format(repeats['other'])} one of {repeats['split']}"
            yield f"{rows}{other_labels(repeats['relabelled'])} ({second} = {first})"


def other_labels(count: int) -> str:
    """How many repeats have other labels than what they repeat."""
    return f", {count:,} with other labels" if count else ""


def by(size: Sequence[float]) -> str:
    """Height and width.

    Example:
        >>> by((64, 48.5))
        '64 x 48.5'
    """
    return " x ".join(f"{side:g}" for side in size)
