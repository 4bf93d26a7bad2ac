"""All figures of a study as one plain dict, which tables, pages and files are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from torchheads.errors import DataError
from torchheads.study.base import Difference
from torchheads.study.functional.families import holm
from torchheads.study.functional.over_seeds import seed_mean
from torchheads.study.measures import COMPARED, LOWER_IS_BETTER, Pair, difference, of_these_models
from torchheads.study.runs import Run
from torchheads.study.verdict import verdict

SCHEMA = "torchheads.study/1"


USUAL_HEADS = ("softmax", "sigmoid")
"""The order of heads whose study says nothing of it: the others are compared with the first."""


def summarise(
    runs: Sequence[Run], facts: Mapping[str, Any] | None = None, level: float = 0.95, resamples: int = 400
) -> dict[str, Any]:
    """The figures of a set of runs: means over seeds, differences between heads, and verdicts.

    Args:
        runs: finished runs, of any data sets and heads.
        facts: what runs cannot know of the study they belong to: ``heads`` and ``data``, names in their order;
            ``cells``, by (data, head) as ``"data/head"``: ``options``, ``tuned``, ``tuning``, ``failed``; and ``how``.
        level: of every interval, in (0, 1).
        resamples: of test samples and of permutations; 99 or more.

    Returns:
        A dict of plain values. Differences are those of each later head from the first one; a seed that one of the
        heads lacks is left out of them.
    """
    facts = dict(facts or {})
    found = ordered((), (run.head for run in runs))
    heads = ordered(facts.get("heads", [head for head in USUAL_HEADS if head in found]), found)
    names = ordered(facts.get("data", ()), (run.data for run in runs))
    data = [of_data(name, [run for run in runs if run.data == name], heads, facts, level, resamples) for name in names]
    adjust(data, 1 - level)
    versions = {key: value for run in runs for key, value in run.results.get("versions", {}).items()}
    how = {"command": None, "config": None, "versions": versions} | facts.get("how", {})
    seeds = sorted({run.seed for run in runs})
    return {
        "schema": SCHEMA,
        "level": level,
        "resamples": resamples,
        "heads": heads,
        "data": data,
        "how": how | {"seeds": seeds},
    }


def ordered(first: Iterable[str], more: Iterable[str]) -> list[str]:
    """Names without repetition, in the order they come.

    Example:
        >>> ordered(["b"], ["a", "b", "a"])
        ['b', 'a']
    """
    return list(dict.fromkeys([*first, *more]))


def of_data(
    name: str, runs: Sequence[Run], heads: Sequence[str], facts: Mapping[str, Any], level: float, resamples: int
) -> dict[str, Any]:
    """The figures of one data set."""
    cells = facts.get("cells", {})
    by_head = {head: {run.seed: run for run in runs if run.head == head} for head in heads}
    present = [head for head in heads if by_head[head] or f"{name}/{head}" in cells]
    trained = [seeds for head in present if (seeds := set(by_head[head]))]
    shared = sorted(set.intersection(*trained)) if trained else []
    dropped = {head: left for head in present if (left := sorted(set(by_head[head]) - set(shared)))}
    one = runs[0].results if runs else {}
    described = {
        head: of_head(list(by_head[head].values()), cells.get(f"{name}/{head}", {}), level) for head in present
    }
    return {
        "name": name,
        "label_type": one.get("label_type"),
        "classes": len(one.get("classes", ())),
        "samples": one.get("samples", {}),
        "seeds": shared,
        "dropped_seeds": dropped,
        "heads": described,
        "comparisons": comparisons(by_head, [h for h in present if by_head[h]], shared, level, resamples),
        "tuning": {head: found for head in present if (found := cells.get(f"{name}/{head}", {}).get("tuning"))},
    }


def of_head(runs: Sequence[Run], facts: Mapping[str, Any], level: float) -> dict[str, Any]:
    """The figures of one head on one data set, over its seeds."""
    keys = ordered((), (key for run in runs for key in run.results["test"]))
    return {
        "metrics": {key: over_seeds([run.results["test"].get(key) for run in runs], level) for key in keys},
        "seconds": {"fit": over_seeds([run.results["seconds"]["fit"] for run in runs], level)},
        "peak_memory": max((max(run.results.get("peak_memory", {}).values(), default=0) for run in runs), default=0),
        "parameters": max((run.results["parameters"] for run in runs), default=0),
        "options": facts.get("options", []),
        "tuned": facts.get("tuned", {}),
        "failed": facts.get("failed", []),
    }


def over_seeds(values: Sequence[float | None], level: float) -> dict[str, Any]:
    """Values of the seeds, their mean, and its interval where two or more are defined.

    Example:
        >>> over_seeds([0.5, None], 0.95)
        {'mean': 0.5, 'low': None, 'high': None, 'values': [0.5, None]}
    """
    defined = [value for value in values if value is not None and math.isfinite(value)]
    if len(defined) < 2:
        mean = defined[0] if defined else None
        return {"mean": mean, "low": None, "high": None, "values": list(values)}
    found = seed_mean(defined, level)
    return {"mean": found.estimate, "low": found.low, "high": found.high, "values": list(values)}


def comparisons(
    by_head: Mapping[str, Mapping[int, Run]], heads: Sequence[str], seeds: Sequence[int], level: float, resamples: int
) -> list[dict[str, Any]]:
    """Each later head against the first one, by every metric of the label type."""
    if len(seeds) < 2 or len(heads) < 2:
        return []
    loaded = {head: [by_head[head][seed] for seed in seeds] for head in heads}
    metrics = COMPARED[loaded[heads[0]][0].label_type]
    second = [run.predictions() for run in loaded[heads[0]]]
    found = []
    for head in heads[1:]:
        pair = Pair([run.predictions() for run in loaded[head]], second)
        if (problem := unlike(pair)) is not None:
            found.append(refused(metrics[0], head, heads[0], problem))
            continue
        found += [compared(pair, metric, head, heads[0], metrics[0], level, resamples) for metric in metrics]
    return found


def unlike(pair: Pair) -> str | None:
    """Why runs are not of the same test samples; None where they are.

    Runs whose samples differ have nothing that could be paired.
    """
    runs = [*pair.first, *pair.second]
    if any(not np.array_equal(run.index, runs[0].index) for run in runs):
        return "the runs have other test rows"
    if any(not np.array_equal(run.target, runs[0].target) for run in runs):
        return "the runs have other targets"
    return None


def compared(
    pair: Pair, metric: str, first: str, second: str, primary: str, level: float, resamples: int
) -> dict[str, Any]:
    """One comparison: the difference, its verdict before Holm's correction, and the tests of these very models."""
    better_high = metric not in LOWER_IS_BETTER
    try:
        found = difference(pair, metric, level, resamples)
    except DataError as error:
        return refused(metric, first, second, error.problem)
    return {
        "metric": metric,
        "primary": metric == primary,
        "first": first,
        "second": second,
        **{key: getattr(found, key) for key in ("estimate", "low", "high", "p_value")},
        "standard_error": found.standard_error,
        "degrees_of_freedom": found.degrees_of_freedom,
        "adjusted": None,
        "higher_is_better": better_high,
        "verdict": verdict(found, first, second, better_high),
        **of_these_models(pair, metric, level, resamples),
    }


def refused(metric: str, first: str, second: str, problem: str) -> dict[str, Any]:
    """A comparison that cannot be made, and why."""
    values = ("estimate", "low", "high", "p_value", "standard_error", "degrees_of_freedom", "adjusted")
    tests = ("seed_permutation", "bootstrap", "sign_flips", "effect_size", "mcnemar")
    told = {"metric": metric, "primary": False, "first": first, "second": second, "higher_is_better": True}
    return told | dict.fromkeys((*values, *tests)) | {"verdict": f"not compared: {problem}"}


def adjust(data: Sequence[dict[str, Any]], alpha: float) -> None:
    """Holm's correction in each family: all comparisons of a study by one metric; verdicts follow it."""
    every = [entry for each in data for entry in each["comparisons"] if entry["p_value"] is not None]
    for metric in {entry["metric"] for entry in every}:
        family = [entry for entry in every if entry["metric"] == metric]
        for entry, adjusted in zip(family, holm([entry["p_value"] for entry in family]), strict=True):
            entry["adjusted"] = adjusted
            told = Difference(level=1 - alpha, **{key: entry[key] for key in Difference._fields if key != "level"})
            entry["verdict"] = verdict(told, entry["first"], entry["second"], entry["higher_is_better"], adjusted)
