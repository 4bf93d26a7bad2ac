"""Batches of a wrong form are refused with a code, and right ones come out in full precision."""

import pytest
import torch

from torchheads.errors import LogitsError, NonFiniteError, TargetError
from torchheads.metrics.outcome import Outcome, check_outcome
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
    ],
    ids=lambda changed: "-".join(f"{k}{tuple(v.shape)}{v.dtype}" for k, v in changed.items()),
)
def test_wrong_forms(form: ClassIndex | LabelSet, changed: dict[str, torch.Tensor]) -> None:
    name = next(iter(changed))
    with pytest.raises(LogitsError, match=rf"TH-L04: {form.owner} got {name} of shape .*; allowed .*Try: {name}=head"):
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


@pytest.mark.parametrize("form", [SINGLE, MULTI])
def test_nan_score(form: ClassIndex | LabelSet) -> None:
    with pytest.raises(NonFiniteError, match="TH-L01"):
        outcome(form, scores=torch.full((2, 3), torch.nan))
