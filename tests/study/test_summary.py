"""All figures of a study: means, differences, verdicts, and what is left out of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import write_fake_run

from torchheads.study.base import Difference
from torchheads.study.functional.families import holm
from torchheads.study.runs import Run, find_runs
from torchheads.study.summary import summarise
from torchheads.study.verdict import verdict


def study(folder: Path, seeds: int = 4, **skills: float) -> list[Run]:
    for data, label_type in (("digits", "single"), ("canvases", "multi")):
        for head, skill in (skills or {"softmax": 1.0, "sigmoid": 3.0}).items():
            for seed in range(seeds):
                place = folder / data / head / f"seed-{seed}"
                write_fake_run(place, head=head, seed=seed, data=data, label_type=label_type, skill=skill)
    return find_runs([folder])


def named(summary: dict[str, Any], data: str, metric: str) -> dict[str, Any]:
    (found,) = (each for each in summary["data"] if each["name"] == data)
    (entry,) = (entry for entry in found["comparisons"] if entry["metric"] == metric)
    return entry


def test_it_is_what_json_can_hold_and_the_same_every_time(tmp_path: Path) -> None:
    runs = study(tmp_path)
    summary = summarise(runs, resamples=99)
    assert json.loads(json.dumps(summary)) == summary == summarise(runs, resamples=99)


def test_a_head_has_the_means_of_its_seeds(tmp_path: Path) -> None:
    runs = study(tmp_path)
    head = summarise(runs, resamples=99)["data"][1]["heads"]["sigmoid"]
    values = [run.results["test"]["accuracy"] for run in runs if (run.data, run.head) == ("digits", "sigmoid")]
    assert head["metrics"]["accuracy"]["values"] == values
    assert head["metrics"]["accuracy"]["mean"] == pytest.approx(np.mean(values))
    assert head["metrics"]["accuracy"]["low"] < np.mean(values) < head["metrics"]["accuracy"]["high"]
    assert head["seconds"]["fit"]["mean"] == 11.5
    assert (head["peak_memory"], head["parameters"]) == (1003, 500)


def test_the_verdict_is_that_of_the_difference_and_its_family(tmp_path: Path) -> None:
    summary = summarise(study(tmp_path), resamples=99)
    assert summary["heads"] == ["softmax", "sigmoid"]
    macro = [named(summary, data, "macro_f1") for data in ("canvases", "digits")]
    assert [entry["adjusted"] for entry in macro] == holm([entry["p_value"] for entry in macro])
    for entry in macro:
        numbers = [entry[key] for key in ("estimate", "low", "high")]
        found = Difference(*numbers, 0.95, entry["standard_error"], entry["degrees_of_freedom"], entry["p_value"])
        assert entry["verdict"] == verdict(found, "sigmoid", "softmax", adjusted=entry["adjusted"])
        assert entry["verdict"].startswith("sigmoid is better by ")
    assert named(summary, "digits", "accuracy")["primary"]
    assert named(summary, "canvases", "mean_average_precision")["primary"]


def test_lower_is_better_for_the_brier_score(tmp_path: Path) -> None:
    entry = named(summarise(study(tmp_path), resamples=99), "digits", "brier")
    assert entry["estimate"] < 0
    assert not entry["higher_is_better"]
    assert entry["verdict"].startswith("sigmoid is better by ")


def test_what_one_test_calls_different_many_may_not(tmp_path: Path) -> None:
    summary = summarise(study(tmp_path, softmax=1.0, sigmoid=1.25, other=1.0), resamples=99)
    entries = [entry for data in summary["data"] for entry in data["comparisons"] if entry["metric"] == "macro_f1"]
    assert len(entries) == 4
    for entry in entries:
        assert entry["adjusted"] >= entry["p_value"]
        if entry["p_value"] <= 0.05 < entry["adjusted"]:
            assert "among so many comparisons" in entry["verdict"]


def test_a_seed_that_one_head_lacks_is_left_out_of_differences(tmp_path: Path) -> None:
    runs = [run for run in study(tmp_path) if (run.head, run.seed) != ("sigmoid", 2)]
    digits = summarise(runs, resamples=99)["data"][1]
    assert digits["seeds"] == [0, 1, 3]
    assert digits["dropped_seeds"] == {"softmax": [2]}
    assert len(digits["comparisons"][0]["mcnemar"]) == 3
    assert len(digits["heads"]["softmax"]["metrics"]["accuracy"]["values"]) == 4


def test_one_head_or_one_seed_has_nothing_to_be_compared(tmp_path: Path) -> None:
    runs = study(tmp_path)
    alone = summarise([run for run in runs if run.head == "sigmoid"])["data"][0]
    assert alone["comparisons"] == []
    once = summarise([run for run in runs if run.seed == 0])["data"][0]
    assert once["comparisons"] == []
    assert once["heads"]["sigmoid"]["metrics"]["brier"]["low"] is None


def test_runs_of_other_test_rows_are_not_compared(tmp_path: Path) -> None:
    runs = study(tmp_path)
    path = tmp_path / "digits" / "sigmoid" / "seed-1" / "predictions.npz"
    with np.load(path) as saved:
        arrays = dict(saved)
    np.savez(path, **(arrays | {"index": arrays["index"] + 1}))
    (entry,) = summarise(runs, resamples=99)["data"][1]["comparisons"]
    assert entry["verdict"] == "not compared: the runs have other test rows"
    assert entry["estimate"] is None


def test_a_metric_that_is_undefined_is_not_compared(tmp_path: Path) -> None:
    runs = study(tmp_path)
    for run in runs:
        with np.load(run.folder / "predictions.npz") as saved:
            arrays = dict(saved)
        np.savez(run.folder / "predictions.npz", **(arrays | {"target": np.zeros_like(arrays["target"])}))
    entry = named(summarise(runs, resamples=99), "canvases", "mean_average_precision")
    assert entry["verdict"].startswith("not compared: a metric that is no finite number")
    assert named(summarise(runs, resamples=99), "canvases", "exact_match")["p_value"] is not None


def test_what_a_study_says_of_its_cells_is_kept(tmp_path: Path) -> None:
    cell = {
        "options": ["head=softmax"],
        "tuned": {"optimizer.lr": 0.1},
        "tuning": [{"options": {"optimizer.lr": 0.1}, "value": 0.5, "error": None, "chosen": True}],
        "failed": [{"seed": 4, "error": "TH-L01"}],
    }
    facts = {"heads": ["sigmoid", "softmax"], "data": ["digits", "gone", "canvases"], "cells": {"digits/softmax": cell}}
    facts["cells"]["gone/softmax"] = cell
    summary = summarise(study(tmp_path), facts | {"how": {"command": "torchheads compare"}}, resamples=99)
    assert [data["name"] for data in summary["data"]] == ["digits", "gone", "canvases"]
    assert summary["data"][0]["comparisons"][0]["first"] == "softmax"  # the others against the first
    assert summary["data"][0]["heads"]["softmax"]["tuned"] == {"optimizer.lr": 0.1}
    assert summary["data"][0]["tuning"] == {"softmax": cell["tuning"]}
    assert summary["data"][1]["heads"]["softmax"]["failed"] == cell["failed"]
    assert summary["how"]["command"] == "torchheads compare"
    assert summary["how"]["versions"] == {"torch": "2.15.0"}
    assert summary["how"]["seeds"] == [0, 1, 2, 3]
