"""Every figure is drawn from every kind of run, is the same twice, and holds what the runs say."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from fake_runs import write_fake_run

from torchheads.report.figures import Judged, of_data, of_study
from torchheads.report.figures.base import COLOURS, slim
from torchheads.report.figures.classes import class_f1, confusion, shortened
from torchheads.report.figures.curves import risk_at, thinned
from torchheads.report.figures.learning import logged
from torchheads.study.runs import Run, read_run

HEADS = ["softmax", "sigmoid"]


def of(runs: list[Run], data: str) -> dict[str, list[Judged]]:
    return {head: [Judged(run) for run in runs if (run.data, run.head) == (data, head)] for head in HEADS}


@pytest.mark.parametrize(("data", "number"), [("digits", 8), ("<b>canvases</b>", 9)])
def test_every_figure_is_drawn_and_is_sound(runs: list[Run], data: str, number: int) -> None:
    judged = of(runs, data)
    names = judged["softmax"][0].run.results["classes"]
    figures = list(of_data(judged, names, data, HEADS))
    assert len(figures) == len({figure.caption for figure in figures}) == number
    for figure in figures:
        ElementTree.fromstring(figure.svg)
        assert "currentColor" in figure.svg
        assert "\n" not in figure.svg
        assert len(figure.svg) < 30_000
    ids = [name for figure in figures for name in re.findall(r' id="([^"]+)"', figure.svg)]
    assert len(ids) == len(set(ids))
    for figure in figures:
        for name in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", figure.svg):
            assert f'id="{name[0] or name[1]}"' in figure.svg
    assert figures == list(of_data(of(runs, data), names, data, HEADS))


def test_a_head_has_its_colour_everywhere(runs: list[Run]) -> None:
    judged = of(runs, "digits")
    names = judged["softmax"][0].run.results["classes"]
    alone = {"sigmoid": judged["sigmoid"]}
    for figure in list(of_data(alone, names, "digits", HEADS))[:3]:
        assert COLOURS[1] in figure.svg
        assert COLOURS[0] not in figure.svg


def test_differences_of_a_study(summary: dict[str, Any]) -> None:
    (figure,) = of_study(summary)
    text = " ".join(ElementTree.fromstring(figure.svg).itertext())
    assert "softmax better" in text
    assert "sigmoid better" in text
    assert "digits" in text
    assert of_study(summary | {"data": []}) == []


def test_risk_is_that_of_the_surest(tmp_path: Any) -> None:
    run = Judged(read_run(write_fake_run(tmp_path / "a", classes=3, samples=50)))
    probabilities, target = run.predictions.probabilities, run.target
    order = sorted(range(50), key=lambda row: -probabilities[row].max())
    wrong = [run.predictions.predictions[row] != target[row] for row in order]
    expected = [np.mean(wrong[:count]) for count in (5, 25, 50)]
    assert risk_at(run, np.array([0.1, 0.5, 1.0])) == pytest.approx(expected)


def test_confusion_counts_what_is_answered(tmp_path: Any) -> None:
    from sklearn.metrics import confusion_matrix

    run = Judged(read_run(write_fake_run(tmp_path / "a", classes=4)))
    assert np.array_equal(confusion(run, 4), confusion_matrix(run.target, run.predictions.predictions, labels=range(4)))
    sets = Judged(read_run(write_fake_run(tmp_path / "b", classes=3, label_type="multi")))
    truth, predicted = sets.target == 1, sets.predictions.predictions
    for i, j in np.ndindex(3, 3):
        assert confusion(sets, 3)[i, j] == (truth[:, i] & predicted[:, j]).sum()


def test_f1_of_a_class_that_is_nowhere_is_undefined(tmp_path: Any) -> None:
    run = Judged(read_run(write_fake_run(tmp_path / "a", classes=3)))
    found = class_f1(run, 5)
    assert found.shape == (5,)
    assert np.isnan(found[3:]).all()
    assert not np.isnan(found[:3]).any()


def test_epochs_count_from_one_and_the_last_validation_is_not_an_epoch(tmp_path: Any) -> None:
    run = Judged(read_run(write_fake_run(tmp_path / "a")))
    assert [epoch for epoch, _ in logged(run, "train/loss")] == [1, 2, 3, 4]
    assert [epoch for epoch, _ in logged(run, "val/accuracy")] == [1, 2, 3]
    (tmp_path / "a" / "metrics.jsonl").unlink()
    assert logged(run, "train/loss") == []


def test_a_thinned_curve_keeps_its_ends() -> None:
    places = thinned(np.linspace(1, 0, 5000))
    assert places[0] == 0
    assert places[-1] == 4999
    assert len(places) <= 102


def test_numbers_between_tags_keep_their_digits() -> None:
    assert slim('<svg><text x="1.23456">0.00025</text></svg>', "a") == '<svg><text x="1.23">0.00025</text></svg>'


def test_long_and_strange_names() -> None:
    assert shortened("a" * 30) == "a" * 15 + "…"
    assert shortened("\x1b[1m") == "?[1m"
    assert shortened("$1") == r"\$1"
