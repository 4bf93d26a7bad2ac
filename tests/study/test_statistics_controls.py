"""The program that controls the statistics: its worlds are as it says, and it sees a method that fails."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmarks" / "statistics_controls.py"


@pytest.fixture(scope="module")
def script() -> Any:
    specification = importlib.util.spec_from_file_location("statistics_controls", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_accuracies_and_luck_are_as_planted(script):
    world = script.World("", 0.1, 2.0, (0.9, 0.8), seeds=50, samples=2000)
    first, second, _ = map(np.stack, zip(*world.studies(20, np.random.default_rng(0)), strict=True))
    assert first.mean() == pytest.approx(0.9, abs=0.005)
    assert second.mean() == pytest.approx(0.8, abs=0.005)
    spread = second.mean(axis=2).std(axis=1, ddof=1)  # 2 points, and what the noise of 2,000 samples adds
    assert 0.019 < np.mean(spread) < 0.023
    alike = np.corrcoef(first[0, 0], first[0, 1])[0, 1], np.corrcoef(first[0, 0], second[0, 0])[0, 1]
    assert alike[0] > alike[1] > 0.3


@pytest.mark.parametrize("quantity", ["accuracy", "loss"])
def test_the_truth_is_what_many_studies_come_to(script, quantity):
    world = script.World("", 0.1, 1.0, (0.9, 0.8), quantity=quantity)
    found = [(first - second).mean() for first, second, _ in world.studies(200, np.random.default_rng(1))]
    assert np.mean(found) == pytest.approx(script.truth(world), abs=4 * np.std(found) / 200**0.5)


def test_what_is_asked_of_whom(script):
    itself, other = script.World("", 0, 0.5), script.World("", 0.1, 0.5)
    assert script.demands(itself, "main interval") == {"covered": (0.93, 0.97), "different": (0.03, 0.07)}
    assert script.demands(itself, "permutation of seeds") == {"different": (0, 0.07)}
    assert script.demands(other, "permutation of seeds") == script.demands(itself, "McNemar, one seed") == {}
    planted = other._replace(accuracies=script.PLANTED)
    assert script.demands(planted, "main interval")["different"] == (0.8, 1)
    strict = itself._replace(luck=0, tests="demanded")
    assert all(script.demands(strict, name)["different"] == (0, 0.07) for name in script.OF_SAMPLES)


def test_a_failure_is_told(script, monkeypatch, tmp_path, capsys):
    """With seeds left out of the main interval the luck of seeds passes for a difference."""
    monkeypatch.setattr(script, "WORLDS", [script.World("a head and itself, luck 3", 0, 3.0, samples=200)])
    monkeypatch.setattr("sys.argv", ["controls", "--studies", "40", "--output", str(tmp_path / "out.json")])
    kept = script.paired_difference
    monkeypatch.setattr(
        script, "paired_difference", lambda a, b, level: kept(*[[v.mean(axis=0)] * 5 for v in (a, b)], level)
    )
    script.main()
    told = capsys.readouterr().out
    assert "main interval" in told
    assert "NOT KEPT" in told
    records = json.loads((tmp_path / "out.json").read_text())
    main = next(record for record in records if record["method"] == "main interval")
    assert main["different"] > 0.3
    assert main["kept"] is False
