"""What is fitted after training, on which rows, and what is refused before."""

from typing import Any

import pytest
import torch

from torchheads import FittedThreshold, MultiHead, SigmoidHead, SoftmaxHead
from torchheads.data import CanvasTasks, DigitCanvases
from torchheads.errors import DataError, HeadConfigError
from torchheads.fit_parts import check_fittable, fitted_record
from torchheads.guarantees import Guarantee

SIZES = {"train_size": 30, "val_size": 10, "calibration_size": 10, "test_size": 10}


class Promise(Guarantee):
    """Waits to be fitted."""

    label_type = "multi"
    suggestion = "none"
    fitted = False

    def fit(self, scores, target, known=None):
        pass

    def forward(self, scores):
        return scores > 0


def canvases(empty: bool = False) -> Any:
    data = DigitCanvases(**SIZES)
    data.setup()
    if empty:
        data = data.with_training_rows({"calibration": torch.zeros(0, dtype=torch.int64)})
    return data


def head(**options: Any) -> SigmoidHead:
    return SigmoidHead(4, 10, **options)


def test_an_empty_calibration_split_is_refused_before_training() -> None:
    with pytest.raises(DataError, match=r"TH-D01: split 'calibration' of \S+ is empty, and FittedThreshold is fitted"):
        check_fittable(head(decision=FittedThreshold()), canvases(empty=True))
    check_fittable(head(), canvases(empty=True))  # Threshold(0.5) needs none
    check_fittable(head(decision=FittedThreshold(fit="crossfit")), canvases(empty=True))
    check_fittable(head(decision=FittedThreshold()), canvases())


def test_rows_without_a_label_are_refused_before_training() -> None:
    data = canvases()
    data.split("calibration").target.zero_()
    with pytest.raises(DataError, match=r"TH-D14: split 'calibration' .* no example of any class, and FittedThreshold"):
        check_fittable(head(decision=FittedThreshold()), data)


def test_a_guarantee_does_not_go_with_a_crossfit() -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H37: Promise holds for rows that one model has not seen"):
        check_fittable(head(decision=FittedThreshold(fit="crossfit"), guarantee=Promise()), canvases())


def test_each_of_several_heads_is_looked_at() -> None:
    heads = MultiHead({"corner": SoftmaxHead(4, 10), "present": SigmoidHead(4, 10, decision=FittedThreshold())})
    data = CanvasTasks(**SIZES)
    check_fittable(heads, data)
    data.split("calibration").target["present"].zero_()
    with pytest.raises(DataError, match="TH-D14"):
        check_fittable(heads, data)


def test_the_record_names_the_classes_that_learned_nothing() -> None:
    one = SigmoidHead(4, 3, decision=FittedThreshold(), class_names=["cat", "dog", "cow"])
    one.fit_held_out(torch.randn(8, 3), torch.tensor([[1, 0, 1], [0, 0, 1]] * 4))
    record = fitted_record(one)
    assert record["decision"] == "FittedThreshold"
    assert record["fitted_on"] == "holdout"
    assert record["at_the_shared_threshold"] == ["dog", "cow"]
    several = fitted_record(MultiHead({"animal": one, "other": SoftmaxHead(4, 3)}))
    assert several == {"animal": record, "other": {"decision": "Argmax", "calibrator": "Identity"}}


def test_the_record_says_what_was_done_not_what_was_asked_for() -> None:
    one = head(decision=FittedThreshold(fit="crossfit"))
    one.fit_held_out(torch.randn(8, 10), torch.rand(8, 10) < 0.5)
    assert fitted_record(one)["fitted_on"] == "holdout"
