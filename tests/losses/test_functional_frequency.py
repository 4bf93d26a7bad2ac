"""Losses and weights from class frequencies against the authors' formulas, scikit-learn, and values by hand."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from torchheads.losses.functional import cross_entropy
from torchheads.losses.functional_frequency import (
    balanced_softmax,
    class_balanced,
    effective_negatives_per_positive,
    effective_number,
    inverse_frequency,
    logit_adjusted,
    negatives_per_positive,
)

M, C = 6, 4
COUNTS = torch.tensor([600.0, 300.0, 90.0, 10.0], dtype=torch.float64)


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(M, C, generator=generator, dtype=torch.float64)
    index = torch.randint(0, C, (M,), generator=generator)
    share = torch.rand(M, C, generator=generator, dtype=torch.float64)
    return logits, index, share / share.sum(dim=1, keepdim=True)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


# Losses ---------------------------------------------------------------------------------------------------------------


def test_logit_adjusted_by_hand():
    # prior 3/4 and 1/4, z = (0, ln 3): terms 3/4 and 3/4, so either class costs ln 2
    logits, prior = numbers(0.0, math.log(3)).view(1, 2), numbers(0.75, 0.25)
    assert logit_adjusted(logits, torch.tensor([1]), prior).item() == pytest.approx(math.log(2))
    # tau 2: terms 9/16 and 3/16; class 1 costs ln 4
    assert logit_adjusted(logits, torch.tensor([1]), prior, 2.0).item() == pytest.approx(math.log(4))


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_logit_adjusted_is_the_authors(seed, tau):
    # Their pairwise form: ln(1 + sum over the other classes of (pi_j / pi_y)^tau exp(z_j - z_y))
    logits, index, share = drawn(seed)
    prior, costs = COUNTS / COUNTS.sum(), torch.zeros(M, C, dtype=torch.float64)
    for m in range(M):
        for y in range(C):
            others = [(prior[j] / prior[y]) ** tau * (logits[m, j] - logits[m, y]).exp() for j in range(C) if j != y]
            costs[m, y] = (1 + sum(others)).log()
    torch.testing.assert_close(logit_adjusted(logits, index, prior, tau), costs[torch.arange(M), index])
    torch.testing.assert_close(logit_adjusted(logits, share, prior, tau), (share * costs).sum(dim=1))


@given(st.integers(0, 10**6))
def test_balanced_softmax_is_the_authors(seed):
    logits, index, share = drawn(seed)
    terms = COUNTS * logits.exp()
    costs = -(terms / terms.sum(dim=1, keepdim=True)).log()
    torch.testing.assert_close(balanced_softmax(logits, index, COUNTS), costs[torch.arange(M), index])
    torch.testing.assert_close(balanced_softmax(logits, share, COUNTS), (share * costs).sum(dim=1))
    torch.testing.assert_close(balanced_softmax(logits, index, COUNTS), logit_adjusted(logits, index, COUNTS))


def test_equal_counts_change_nothing():
    logits, index, _ = drawn(1)
    equal = torch.full((C,), 70.0, dtype=torch.float64)
    for loss in (logit_adjusted(logits, index, equal), balanced_softmax(logits, index, equal)):
        torch.testing.assert_close(loss, cross_entropy(logits, index))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradients(smoothing):
    logits, index, share = drawn(2)
    known = share > 0.1
    for target, mask in ((index, None), (share, None), (share * known, known)):
        for loss in (
            lambda z, y=target, k=mask: logit_adjusted(z, y, COUNTS, 1.5, smoothing, k),
            lambda z, y=target, k=mask: balanced_softmax(z, y, COUNTS, smoothing, k),
        ):
            assert torch.autograd.gradcheck(loss, logits.clone().requires_grad_())


@pytest.mark.parametrize("loss", [logit_adjusted, balanced_softmax])
def test_unknown_classes_leave_the_row(loss):
    logits, _, share = drawn(3)
    known = torch.tensor([True, False, True, True]).expand(M, C)
    found = loss(logits, share * known, COUNTS, label_smoothing=0.1, known=known)
    kept = [0, 2, 3]
    torch.testing.assert_close(found, loss(logits[:, kept], share[:, kept], COUNTS[kept], label_smoothing=0.1))


@pytest.mark.parametrize("loss", [logit_adjusted, balanced_softmax])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_extreme_logits(loss, dtype):
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]], dtype=dtype, requires_grad=True)
    losses = loss(logits, torch.tensor([1, 2]), torch.tensor([100.0, 10.0, 1.0], dtype=dtype))
    assert losses.isfinite().all()
    losses.sum().backward()
    assert logits.grad.tolist() == [[1, -1, 0], [0, 0, 0]]
    ruled_out = torch.tensor([[-math.inf, 0.0, 0.0]])
    cost = loss(ruled_out, torch.tensor([1]), torch.tensor([100.0, 30.0, 10.0])).item()
    assert cost == pytest.approx(math.log(4 / 3))


# Weights --------------------------------------------------------------------------------------------------------------


def test_inverse_frequency_is_scikit_learns():
    labels = np.repeat(np.arange(C), COUNTS.int().numpy())
    theirs = compute_class_weight("balanced", classes=np.arange(C), y=labels)
    torch.testing.assert_close(inverse_frequency(COUNTS), torch.from_numpy(theirs))


def test_inverse_frequency_by_hand():
    # 12 examples, 2 classes that occur: 12 / (2 * 8), 12 / (2 * 4), and 1 where there is none
    assert inverse_frequency(numbers(8, 0, 4)).tolist() == [0.75, 1, 1.5]
    # at most twice another: 1 counts as 8/2 = 4; 1/8 : 1/4, scaled to mean 1 over 9 examples: 9 / (8/8 + 1/4)
    assert inverse_frequency(numbers(8, 1), 2.0).tolist() == pytest.approx([0.9, 1.8])


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=9).filter(any), st.sampled_from([1.0, 10.0, math.inf]))
def test_inverse_frequency_keeps_its_mean_and_its_ratio(counts, ratio):
    counts = numbers(*counts)
    weight = inverse_frequency(counts, ratio)
    assert weight.isfinite().all()
    assert (counts * weight).sum().item() == pytest.approx(counts.sum().item())
    seen = weight[counts > 0]
    assert (seen.max() / seen.min()).item() <= ratio * (1 + 1e-9)
    assert (weight[counts == 0] == 1).all()


def test_negatives_per_positive_by_hand():
    # 10 rows; of class 2 only 4 are known; classes 3 and 4 have one answer only
    counts, total = numbers(1, 8, 1, 0, 10), numbers(10, 10, 4, 10, 10)
    assert negatives_per_positive(counts, total).tolist() == [9, 0.25, 3, 1, 1]
    assert negatives_per_positive(counts, total, 2.0).tolist() == [2, 0.5, 2, 1, 1]


def test_with_the_weights_both_answers_weigh_the_same():
    counts = numbers(3, 40, 77)
    weight = negatives_per_positive(counts, torch.full_like(counts, 100))
    torch.testing.assert_close(weight * counts, 100 - counts)


def test_effective_number_is_the_authors_sum():
    # 1 + beta + beta^2 + ... + beta^(n - 1)
    for beta in (0.0, 0.5, 0.999):
        for n in (0, 1, 2, 17):
            expected = sum(beta**k for k in range(n))
            assert effective_number(numbers(n), beta).item() == pytest.approx(expected)
    assert effective_number(numbers(10**6), 0.999).item() == pytest.approx(1000)
    assert effective_number(numbers(5000), 1 - 1e-13).item() == pytest.approx(5000)  # nothing cancels


def test_class_balanced_is_the_authors():
    beta = 0.99
    authors = (1 - beta) / (1 - beta ** COUNTS.numpy())
    authors = authors / authors.sum() * C
    torch.testing.assert_close(class_balanced(COUNTS, beta), torch.from_numpy(authors))


def test_class_balanced_lies_between_no_weights_and_inverse_frequencies():
    assert class_balanced(COUNTS, 0.0).tolist() == [1, 1, 1, 1]
    limit = inverse_frequency(COUNTS)
    torch.testing.assert_close(class_balanced(COUNTS, 1 - 1e-12), limit / limit.mean())
    total = torch.full_like(COUNTS, 1000)
    assert effective_negatives_per_positive(COUNTS, total, 0.0).tolist() == [1, 1, 1, 1]
    torch.testing.assert_close(
        effective_negatives_per_positive(COUNTS, total, 1 - 1e-12), negatives_per_positive(COUNTS, total)
    )


def test_class_balanced_by_hand():
    # beta 1/2: E_1 = 1, E_2 = 3/2, E_3 = 7/4
    assert class_balanced(numbers(2, 1, 0), 0.5).tolist() == pytest.approx([0.8, 1.2, 1.0])
    pairs = effective_negatives_per_positive(numbers(1, 2, 0, 3), numbers(3, 3, 3, 3), 0.5)
    assert pairs.tolist() == pytest.approx([1.5, 2 / 3, 1, 1])


def test_what_is_weighed_costs_what_the_authors_say():
    logits, index, _ = drawn(4)
    weight = class_balanced(COUNTS, 0.99)
    expected = weight[index] * -logits.softmax(dim=1)[torch.arange(M), index].log()
    torch.testing.assert_close(cross_entropy(logits, index, weight), expected)
    torch.testing.assert_close(cross_entropy(logits, F.one_hot(index, C).double(), weight), expected)
