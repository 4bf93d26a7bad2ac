"""How the runs learned: training loss, and the watched metric of validation, a line a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchheads.loggers.jsonl import read_rows
from torchheads.report.base import metric_words
from torchheads.report.figures.base import Drawn, Judged, colours, panel, svg


def learning_curves(judged: Mapping[str, Sequence[Judged]], name: str, heads: Sequence[str]) -> list[Drawn]:
    """The training loss and the watched metric against epochs; nothing where no run logged them."""
    watched = next(run.run.results.get("watched", {}).get("metric") for runs in judged.values() for run in runs)
    keys = {"train/loss": "training loss (nats)"}
    keys |= {f"val/{watched}": f"validation {metric_words(watched)}"} if watched else {}
    drawn = [curve(judged, key, words, f"{name} {key}", heads) for key, words in keys.items()]
    return [figure for figure in drawn if figure is not None]


def curve(
    judged: Mapping[str, Sequence[Judged]], key: str, words: str, name: str, heads: Sequence[str]
) -> Drawn | None:
    """One logged value against epochs."""
    figure, axes = panel()
    found = False
    for head, runs in judged.items():
        for number, run in enumerate(runs):
            points = logged(run, key)
            found |= bool(points)
            label = head if number == 0 else None
            axes.plot(
                *zip(*points, strict=True), color=colours(heads)[head], alpha=0.7, linewidth=1, label=label
            ) if points else None
    if not found:
        return None
    axes.set(xlabel="epoch", ylabel=words)
    axes.legend()
    return Drawn(f"{words.capitalize()}, a line a seed", svg(figure, name))


def logged(judged: Judged, key: str) -> list[tuple[int, float]]:
    """The epochs and values of a key; epochs counted from 1."""
    path = judged.run.folder / "metrics.jsonl"
    rows = read_rows(path) if path.is_file() else []
    points = {row["epoch"] + 1: row[key] for row in rows if row.get(key) is not None and "epoch" in row}
    last = max(points, default=0)
    if "val/" in key and last - 1 in points:  # the validation after training, of the weights that were taken
        points.pop(last)
    return sorted(points.items())
