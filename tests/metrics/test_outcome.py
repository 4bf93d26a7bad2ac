"""Batches of a wrong form are refused with a code, and right ones come out in full precision."""

import pytest
import torch

from torchheads.errors import LogitsError, NonFiniteError, TargetError
from torchheads.metrics.outcome import Outcome, check_outcome, hard_rows
from torchheads.targets import ClassIndex, LabelSet

SINGLE, MULTI = ClassIndex(3, None, "SingleLabelMetrics"), LabelSet(3, None, "MultiLabelMetrics")


def outcome(form: ClassIndex | LabelSet, **changed: torch.Tensor) -> Outcome:
    """A right batch of two rows with some parts replaced."""
    target = torch.tensor([0, 2]) if form is SINGLE else torch.tensor([[0, 1, 0], [0, 0, 0]])
    predictions = torch.tensor([0, 1]) if form is SINGLE else torch.zeros(2, 3, dtype=torch.bool)
    said = {"scores": torch.zeros(2, 3), "probabilities": torch.full((2, 3), 0.5), "nll": torch.ones(2)}
    return check_outcome(form, **(said | {"target": target, "predictions": predictions} | changed))


def test_single_label() -> None:
    batch = outcome(SINGLE, target=torch.tensor([0, 2], dtype=torch.uint8))
    assert batch.truth.dtype == torch.int64
    assert batch.truth.tolist() == [0, 2]
    assert batch.hot.tolist() == [[True, False, False], [False, False, True]]
    assert batch.keys.dtype == batch.probabilities.dtype == batch.nll.dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8, torch.float32, torch.bfloat16])
def test_multi_label(dtype: torch.dtype) -> None:
    batch = outcome(MULTI, target=torch.tensor([[0, 1, 0], [0, 0, 1]]).to(dtype))
    assert batch.truth is batch.hot
    assert batch.hot.dtype == torch.bool
    assert batch.hot.tolist() == [[False, True, False], [False, False, True]]


@pytest.mark.parametrize("form", [SINGLE, MULTI])
@pytest.mark.parametrize(
    "changed",
    [
        {"scores": torch.zeros(2, 4)},
        {"scores": torch.zeros(())},
        {"scores": torch.zeros(2, 3, dtype=torch.int64)},
        {"probabilities": torch.zeros(3, 2)},
        {"probabilities": torch.zeros(2, 3, dtype=torch.bool)},
        {"nll": torch.tensor(1.0)},
        {"nll": torch.ones(2, 3)},
        {"nll": torch.ones(2, dtype=torch.int64)},
        {"predictions": torch.zeros(2, 3)},
        {"predictions": torch.zeros(2)},
        {"predictions": torch.zeros(1, dtype=torch.int64)},
        {"known": torch.ones(2, 3)},
        {"known": torch.ones(3, dtype=torch.bool)},
        {"known": torch.ones(2, dtype=torch.int64)},
    ],
    ids=lambda changed: "-".join(f"{k}{tuple(v.shape)}{v.dtype}" for k, v in changed.items()),
)
def test_wrong_forms(form: ClassIndex | LabelSet, changed: dict[str, torch.Tensor]) -> None:
    name = next(iter(changed))
    with pytest.raises(
        LogitsError, match=rf"TH-L04: {form.owner} got {name} of shape .*; allowed .*Try: {name}=(head|target)"
    ):
        outcome(form, **changed)


def test_wrong_predictions_of_the_other_label_type() -> None:
    with pytest.raises(LogitsError, match=r"predictions .* allowed int64 of shape \(2,\)"):
        outcome(SINGLE, predictions=torch.zeros(2, 3, dtype=torch.bool))
    with pytest.raises(LogitsError, match=r"predictions .* allowed bool of shape \(2, 3\)"):
        outcome(MULTI, predictions=torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("form", "target"),
    [
        (SINGLE, torch.tensor([0, 3])),
        (SINGLE, torch.tensor([0, -100])),
        (SINGLE, torch.tensor([[1, 0, 0], [0, 1, 0]])),
        (MULTI, torch.tensor([0, 1])),
        (MULTI, torch.tensor([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]])),
        (MULTI, torch.tensor([[0, -1, 1], [0, 0, 0]])),
    ],
)
def test_wrong_targets(form: ClassIndex | LabelSet, target: torch.Tensor) -> None:
    with pytest.raises(TargetError, match=form.owner):
        outcome(form, target=target)


@pytest.mark.parametrize("bad", [3, -2, 2**40])
def test_predicted_classes_that_there_are_not(bad: int) -> None:
    message = rf"TH-L04: .*predicted class {bad} at row 1 of the batch; allowed 0\.\.2, or -1 for none"
    with pytest.raises(LogitsError, match=message):
        outcome(SINGLE, predictions=torch.tensor([-1, bad]))
    kept = outcome(SINGLE, predictions=torch.tensor([-1, bad]), known=torch.tensor([True, False]))
    assert kept.predictions is not None
    assert kept.predictions.tolist() == [-1]


def test_sets_have_no_class_that_there_is_not() -> None:
    one = LabelSet(1, None, "doc")
    said = {"scores": torch.zeros(1, 1), "probabilities": torch.zeros(1, 1), "nll": torch.zeros(1)}
    batch = check_outcome(one, **said, target=torch.ones(1, 1), predictions=torch.ones(1, 1, dtype=torch.bool))
    assert batch.predictions is not None
    assert batch.predictions.tolist() == [[True]]


def test_unknown_rows_are_dropped() -> None:
    batch = outcome(SINGLE, target=torch.tensor([-7, 2]), known=torch.tensor([False, True]), nll=torch.tensor([9.0, 1]))
    assert [len(part) for part in batch if part is not None] == [1] * 6
    assert batch.known is None
    assert batch.truth.tolist() == [2]
    assert batch.nll.tolist() == [1.0]
    assert batch.rows_known().tolist() == [1, 1, 1]
    assert batch.codes().tolist() == [[0, 0, 1]]


def test_unknown_entries_are_nothing_and_rows_of_them_are_dropped() -> None:
    batch = outcome(
        MULTI,
        target=torch.tensor([[1, 1, 9], [1, 1, 1]]),
        known=torch.tensor([[True, False, False], [False, False, False]]),
        predictions=torch.ones(2, 3, dtype=torch.bool),
    )
    assert batch.hot.tolist() == batch.known.tolist() == batch.predictions.tolist() == [[True, False, False]]  # type: ignore[union-attr]
    assert batch.probabilities.tolist() == [[0.5, 0.0, 0.0]]
    assert batch.rows_known().tolist() == [1, 0, 0]
    assert batch.codes().tolist() == [[1, 2, 2]]
    assert batch.codes().dtype == torch.uint8


def test_a_row_of_the_batch_is_named_as_it_came() -> None:
    """Not as it would be counted after the unknown rows are gone."""
    scores = torch.zeros(2, 3)
    scores[1, 2] = torch.nan
    with pytest.raises(NonFiniteError, match="row 1 of the batch, class 2"):
        outcome(SINGLE, scores=scores, known=torch.tensor([False, True]))
    assert len(outcome(SINGLE, scores=scores, known=torch.tensor([True, False])).keys) == 1


def test_soft_targets() -> None:
    soft = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    with pytest.raises(
        TargetError, match=r"TH-M13: .*0\.5 at row 1 of the batch, class 0.*Try: target >= 0\.5, or val"
    ):
        outcome(MULTI, target=soft)
    with pytest.raises(
        TargetError, match=r"TH-T06: .*0\.5 at row 1 of the batch, class 0.*Try: target\.argmax\(dim=1\)"
    ):
        outcome(SINGLE, target=soft)
    assert len(outcome(MULTI, target=soft, known=soft != 0.5).keys) == 2
    with pytest.raises(TargetError, match="TH-M06"):
        outcome(MULTI, target=torch.full((2, 4), 0.5), known=torch.ones(2, 3, dtype=torch.bool))


def test_hard_rows() -> None:
    one_hot = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    known = torch.tensor([True, False])
    assert hard_rows(SINGLE, one_hot, known)[known].tolist() == [1]
    assert hard_rows(SINGLE, torch.tensor([2, 0]), None).tolist() == [2, 0]
    assert hard_rows(MULTI, one_hot[:1], None).tolist() == [[0.0, 1.0, 0.0]]
    with pytest.raises(TargetError, match="TH-T06"):
        hard_rows(SINGLE, one_hot, None)


@pytest.mark.parametrize("form", [SINGLE, MULTI])
def test_nan_score(form: ClassIndex | LabelSet) -> None:
    with pytest.raises(NonFiniteError, match="TH-L01"):
        outcome(form, scores=torch.full((2, 3), torch.nan))
