"""A study of two data sets and two heads, of runs that nobody trained."""

from pathlib import Path
from typing import Any

import pytest
from fake_runs import write_fake_run

from torchheads.study.runs import Run, find_runs
from torchheads.study.summary import summarise

HOSTILE = ["<script>alert(1)</script>", '=cmd|"x"', "cat\x1b[31m|`*_", "$x^2$"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: Any) -> list[Run]:
    folder: Path = tmp_path_factory.mktemp("study")
    for data, label_type in (("digits", "single"), ("<b>canvases</b>", "multi")):
        for head, skill in (("softmax", 1.0), ("sigmoid", 3.0)):
            for seed in range(3):
                place = folder / label_type / head / f"seed-{seed}"
                options: dict[str, Any] = {"head": head, "seed": seed, "data": data, "skill": skill}
                write_fake_run(place, label_type=label_type, classes=4, names=HOSTILE, **options)
    return find_runs([folder])


@pytest.fixture(scope="session")
def summary(runs: list[Run]) -> dict[str, Any]:
    trial = {"options": {"optimizer.lr": 0.003}, "value": 0.9, "error": None, "chosen": True}
    lost = {"options": {"optimizer.lr": 0.3}, "value": None, "error": "TH-L01: NaN", "chosen": False}
    cell = {
        "options": ["head=sigmoid"],
        "tuned": {"optimizer.lr": 0.003},
        "tuning": [trial, lost],
        "failed": [{"seed": 7, "error": "TH-D01: <i>no rows</i>"}],
    }
    how = {"command": "torchheads compare study=mine", "config": "a: <b>"}
    facts = {"data": ["digits", "<b>canvases</b>"], "cells": {"digits/sigmoid": cell}, "how": how}
    return summarise(runs, facts, resamples=99)
