"""The tables of a report, from the summary of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchheads.report.base import NONE, Section, Table, memory, metric_words, p_value, with_interval
from torchheads.study.measures import COMPARED

Summary = Mapping[str, Any]
"""What `torchheads.study.summary.summarise` returns."""

KINDS = {"single": "exactly one class each", "multi": "any set of classes each"}


def overview(summary: Summary) -> Table:
    """One row a data set and comparison: the primary metric of each head, and the verdict."""
    level = f"{summary['level']:.0%}"
    columns = ["data", "verdict", *summary["heads"], "metric", "classes"]
    rows = [row for data in summary["data"] for row in overview_rows(data, summary["heads"])]
    caption = f"Mean over seeds with its {level} interval over seeds; the verdict reads the paired difference over "
    return Table(caption + "seeds and test samples, corrected for the number of comparisons", columns, rows)


def overview_rows(data: Mapping[str, Any], heads: Sequence[str]) -> list[list[str]]:
    """The rows of one data set: one a comparison by the primary metric, or one that says why there is none."""
    primary = COMPARED.get(data["label_type"], ("",))[0]
    told = [entry for entry in data["comparisons"] if entry["primary"] or entry["estimate"] is None]
    many = len(heads) > 2
    verdicts = [f"{entry['first']}: {entry['verdict']}" if many else str(entry["verdict"]) for entry in told]
    cells = [of_head(data["heads"].get(head), primary) for head in heads]
    rest = [*cells, metric_words(primary) or NONE, KINDS.get(data["label_type"], NONE)]
    name, *others = verdicts or [why_none(data)]
    return [[data["name"], name, *rest], *(["", other, *[""] * len(rest)] for other in others)]


def why_none(data: Mapping[str, Any]) -> str:
    """Why two heads are not compared on a data set."""
    if len([head for head in data["heads"].values() if head["metrics"]]) < 2:
        return "one head has finished runs: nothing to compare"
    return "fewer than two seeds that both heads have: nothing to compare"


def of_head(head: Mapping[str, Any] | None, metric: str) -> str:
    """A metric of a head over its seeds; runs that failed are said beside it."""
    if head is None:
        return NONE
    failed = f", {len(head['failed'])} failed" if head["failed"] else ""
    return with_interval(head["metrics"].get(metric)) + failed


def sections(summary: Summary) -> list[Section]:
    """Everything but the overview, a section a data set."""
    return [section(data, summary) for data in summary["data"]]


def section(data: Mapping[str, Any], summary: Summary) -> Section:
    """What is said of one data set."""
    tables = [metrics_table(data), comparisons_table(data, summary), runs_table(data), tuning_table(data)]
    samples = ", ".join(f"{number:,} {split}" for split, number in data["samples"].items())
    kind = f"{data['classes']} classes, {KINDS.get(data['label_type'], NONE)}; {samples}"
    notes = [
        *(
            f"Seeds {listed(seeds)} of {head} have no partner and are left out of differences."
            for head, seeds in data["dropped_seeds"].items()
        ),
        *(
            f"Failed: {head}, seed {entry['seed']}: {entry['error']}"
            for head, found in data["heads"].items()
            for entry in found["failed"]
        ),
    ]
    return Section(data["name"], kind, notes, [table for table in tables if table.rows])


def metrics_table(data: Mapping[str, Any]) -> Table:
    """Every metric of every head."""
    heads = data["heads"]
    keys = list(dict.fromkeys(key for head in heads.values() for key in head["metrics"]))
    rows = [[metric_words(key), *(with_interval(head["metrics"].get(key)) for head in heads.values())] for key in keys]
    return Table("Test metrics, the mean over all seeds of a head and its interval", ["metric", *heads], rows)


def comparisons_table(data: Mapping[str, Any], summary: Summary) -> Table:
    """Every comparison, with what the verdict rests on."""
    columns = ["metric", "difference", "estimate and interval", "p", "p, Holm", "verdict"]
    rows = [
        [
            metric_words(entry["metric"]),
            f"{entry['first']} \N{MINUS SIGN} {entry['second']}",
            with_interval({"mean": entry["estimate"], "low": entry["low"], "high": entry["high"]}),
            p_value(entry["p_value"]),
            p_value(entry["adjusted"]),
            entry["verdict"],
        ]
        for entry in data["comparisons"]
    ]
    return Table(f"Paired differences over seeds and test samples, {summary['level']:.0%} intervals", columns, rows)


def runs_table(data: Mapping[str, Any]) -> Table:
    """What the runs cost, and the options they had."""
    columns = ["head", "seconds of training", "peak memory", "parameters", "options chosen", "runs", "failed"]
    rows = [
        [
            name,
            f"{fit['mean']:.1f}" if (fit := head["seconds"]["fit"])["mean"] is not None else NONE,
            memory(head["peak_memory"]),
            f"{head['parameters']:,}" if head["parameters"] else NONE,
            chosen(head["tuned"]),
            str(len(fit["values"])),
            str(len(head["failed"])),
        ]
        for name, head in data["heads"].items()
    ]
    return Table("Runs: mean time, largest memory of a process", columns, rows)


def tuning_table(data: Mapping[str, Any]) -> Table:
    """What was tried on validation, and what won."""
    rows = [
        [name, chosen(trial["options"]), trial_value(trial), "chosen" if trial["chosen"] else ""]
        for name, trials in data["tuning"].items()
        for trial in trials
    ]
    return Table("Tried on validation, the test split unseen", ["head", "options", "watched metric", ""], rows)


def trial_value(trial: Mapping[str, Any]) -> str:
    """What came of a trial."""
    return f"failed: {trial['error']}" if trial["value"] is None else f"{trial['value']:z.4f}"


def chosen(options: Mapping[str, Any]) -> str:
    """Options as they are typed.

    Example:
        >>> chosen({"optimizer.lr": 0.003}), chosen({})
        ('optimizer.lr=0.003', '\N{EN DASH}')
    """
    return (
        " ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in options.items())
        or NONE
    )


def listed(numbers: Sequence[int]) -> str:
    """Numbers as a range where they are one.

    Example:
        >>> listed([0, 1, 2, 3]), listed([0, 2, 5]), listed([])
        ('0 to 3', '0, 2, 5', '\N{EN DASH}')
    """
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers)) or NONE
