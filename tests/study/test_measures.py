"""Differences of each metric are those of the statistics they stand on."""

import numpy as np
import pytest
from fake_runs import write_fake_run

from torchheads.study.functional.crossed import metric_difference, paired_difference
from torchheads.study.functional.metrics import micro_f1
from torchheads.study.measures import COMPARED, Pair, difference, of_these_models, target_of
from torchheads.study.runs import read_run


def pair(tmp_path, label_type: str) -> Pair:  # type: ignore[no-untyped-def]
    runs = {
        head: [
            read_run(write_fake_run(tmp_path / f"{head}-{s}", head=head, seed=s, label_type=label_type, skill=skill))
            for s in range(3)
        ]
        for head, skill in (("sigmoid", 3.0), ("softmax", 1.0))
    }
    return Pair(*([run.predictions() for run in runs[head]] for head in runs))


def test_accuracy_is_paired_by_sample(tmp_path) -> None:  # type: ignore[no-untyped-def]
    both = pair(tmp_path, "single")
    first, second = ([run.predictions == run.target for run in runs] for runs in both)
    assert difference(both, "accuracy", 0.95, 99) == paired_difference(first, second)
    assert difference(both, "accuracy", 0.95, 99).estimate > 0.1
    told = of_these_models(both, "accuracy", 0.95, 99)
    assert len(told["mcnemar"]) == 3
    assert told["bootstrap"][0] == pytest.approx(difference(both, "accuracy", 0.95, 99).estimate)
    assert set(of_these_models(both, "brier", 0.95, 99).values()) == {None}


def test_a_metric_of_the_whole_test_set_is_resampled(tmp_path) -> None:  # type: ignore[no-untyped-def]
    both = pair(tmp_path, "multi")
    sets = [np.stack([run.predictions for run in runs]) for runs in both]
    assert difference(both, "micro_f1", 0.9, 60) == metric_difference(micro_f1, *sets, both.target, 0.9, 60)


@pytest.mark.parametrize("label_type", ["single", "multi"])
def test_every_metric_has_the_better_head_ahead(label_type: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    both = pair(tmp_path, label_type)
    for metric in COMPARED[label_type]:
        found = difference(both, metric, 0.95, 60)
        assert (found.estimate > 0) == (metric != "brier")
        assert found.p_value < 0.05


def test_what_is_not_known_is_marked(tmp_path) -> None:  # type: ignore[no-untyped-def]
    run = read_run(write_fake_run(tmp_path / "a", label_type="multi")).predictions()
    mask = np.ones_like(run.target)
    mask[0, 1] = False
    hidden = target_of(run._replace(mask=mask))
    assert hidden[0, 1] == -1
    assert np.array_equal(np.delete(hidden.ravel(), 1), np.delete(run.target.ravel(), 1))
