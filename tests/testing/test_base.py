"""Inputs of the checks: the same every time, of the right form, and without a trace in global state."""

import pytest
import torch
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.testing.base import GRID, HeadCase, HeadCheck, Promise, always, answers, slopes

SINGLE = HeadCase(lambda **options: SoftmaxHead(6, 5, **options))
MULTI = HeadCase(lambda **options: SigmoidHead(6, 5, **options))
RANDOM = HeadCase(lambda **options: SigmoidHead(6, 5, classifier=nn.Linear(6, 5), **options))


@pytest.mark.parametrize("case", [SINGLE, MULTI, RANDOM])
def test_heads_and_inputs_are_the_same_every_time(case):
    first, second = case.head(), case.head()
    torch.manual_seed(1)
    for made in (first, second, case.head()):
        assert not made.training
        assert torch.equal(made.classifier.weight, first.classifier.weight)
    assert not torch.equal(case.head(seed=1).classifier.weight, first.classifier.weight)
    assert not torch.equal(first.classifier.weight, case.sample.classifier.weight)
    for make in (case.features, case.logits, case.target):
        assert torch.equal(make(4), make(4))


@pytest.mark.parametrize("case", [SINGLE, MULTI, RANDOM])
def test_making_a_head_leaves_the_random_state_alone(case):
    before = torch.get_rng_state()
    case.head()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_random_state_comes_back_after_an_error():
    def fails(**options):
        torch.rand(1)
        raise ValueError("no head")

    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="no head"):
        HeadCase(fails).head()
    assert torch.equal(torch.get_rng_state(), before)


def test_forms_of_inputs():
    assert SINGLE.features(4, 2, 3).shape == (4, 6, 2, 3)
    assert SINGLE.logits(4, 2).shape == (4, 5, 2)
    assert SINGLE.target(4, 2).shape == (4, 2)
    assert SINGLE.target(99).unique().tolist() == [0, 1, 2, 3, 4]
    assert MULTI.target(4, 2).shape == (4, 5, 2)
    assert MULTI.target(99).unique().tolist() == [0, 1]
    kept = torch.tensor([True, False])
    assert SINGLE.mask(kept).tolist() == [True, False]
    assert MULTI.mask(kept).tolist() == [[True] * 5, [False] * 5]


def test_the_grid_reaches_every_value_in_every_sign():
    grid = SINGLE.grid()
    assert grid.shape == (69, 5)
    for value in GRID:
        for signed in (value, -value):
            assert (grid[:, 0] == torch.tensor(signed)).any()
    assert grid.isfinite().all()
    assert ((grid[:, 0] > 0) & (grid[:, 1] < 0)).any()  # one against the other
    assert (grid == grid[:, :1]).all(dim=1).any()  # all alike


def test_an_unfitted_decision_is_fitted():
    case = HeadCase(lambda **options: SoftmaxHead(6, 5, label_type="multi", **options))
    assert not case.sample.decision.fitted
    assert case.head().decision.fitted


def test_answers_and_slopes():
    head, features = SINGLE.head(), SINGLE.features().requires_grad_()
    found = answers(head, head(features))
    assert list(found) == ["scores", "probabilities", "predictions"]
    assert not found["scores"].requires_grad
    gradients = slopes(head.loss(features, SINGLE.target()), head, features)
    assert list(gradients) == ["gradient of input 0", "gradient of classifier.weight", "gradient of classifier.bias"]
    assert gradients["gradient of input 0"].shape == features.shape


def fine(case):
    """All is well."""


def odd(case):
    """All is
    odd."""
    raise ValueError("no\nsuch thing")


def test_a_check_has_a_name_and_a_text():
    check = HeadCheck("fine", Promise(fine, always), SINGLE)
    assert str(check) == "fine"
    assert check.promise.text == "All is well."
    assert check() is None
    with pytest.raises(AssertionError) as found:
        HeadCheck("odd", Promise(odd, always), SINGLE)()
    assert str(found.value).startswith("odd\nsaid: All is odd.\nfound: ValueError: no\n   do: see above")
    assert isinstance(found.value.__cause__, ValueError)
