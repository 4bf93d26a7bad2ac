"""Runs are found by their folders, and what is no run is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_fake_run

from torchheads.errors import CheckpointError
from torchheads.study.runs import find_runs, read_run


def test_a_run_has_the_names_of_its_results(tmp_path: Path) -> None:
    run = read_run(write_fake_run(tmp_path / "a", head="sigmoid", seed=3))
    assert (run.data, run.head, run.seed, run.label_type, run.labels) == ("digits", "sigmoid", 3, "single", {})
    predictions = run.predictions()
    assert predictions.mask is None
    assert predictions.logits.shape == predictions.scores.shape == predictions.probabilities.shape == (60, 3)


def test_a_run_of_a_study_has_the_names_of_the_study(tmp_path: Path) -> None:
    labels = {"data": "canvases, 0 to 4", "head": "zero", "options": {"optimizer.lr": 0.1}}
    run = read_run(write_fake_run(tmp_path / "a", labels=labels))
    assert (run.data, run.head, run.labels) == ("canvases, 0 to 4", "zero", labels)


def test_runs_are_found_below_and_once(tmp_path: Path) -> None:
    first = write_fake_run(tmp_path / "study" / "digits" / "seed-0")
    second = write_fake_run(tmp_path / "study" / "digits" / "seed-1", seed=1)
    untested = write_fake_run(tmp_path / "study" / "digits" / "tune-0")
    (untested / "predictions.npz").unlink()
    assert [run.folder for run in find_runs([tmp_path / "study", second])] == [first, second]


@pytest.mark.parametrize("places", [[], ["empty"], ["nowhere"]])
def test_where_there_are_none(places: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"TH-K08: no finished run in .*Try: torchheads report "):
        find_runs([tmp_path / place for place in places])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"data": 1, "head": 2, "seed": "x", "test": {}, "label_type": 1}'])
def test_results_that_are_none(text: str, tmp_path: Path) -> None:
    (write_fake_run(tmp_path / "a") / "results.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"TH-K08: .* is no folder of a finished run"):
        read_run(tmp_path / "a")


def test_a_run_without_a_test(tmp_path: Path) -> None:
    path = write_fake_run(tmp_path / "a") / "results.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "test"}))
    with pytest.raises(CheckpointError, match="TH-K08"):
        read_run(tmp_path / "a")


def test_predictions_that_are_none(tmp_path: Path) -> None:
    run = read_run(write_fake_run(tmp_path / "a"))
    np.savez(tmp_path / "a" / "predictions.npz", **{"species/logits": np.zeros(3)})
    with pytest.raises(CheckpointError, match=r"TH-K08: .*predictions.npz holds no predictions of one head"):
        run.predictions()
    for content in (b"", b"PK\x03\x04 cut off"):
        (tmp_path / "a" / "predictions.npz").write_bytes(content)
        with pytest.raises(CheckpointError, match="TH-K08"):
            run.predictions()
