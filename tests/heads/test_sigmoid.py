"""What is special about the sigmoid head."""

import math

import pytest
import scipy.special
import sklearn.metrics
import torch
from torch import nn
from torch.nn import functional as F

from torchheads import Argmax, BinaryCrossEntropy, SigmoidHead, SoftmaxHead, Threshold
from torchheads.errors import TargetError


def on_logits(num_classes=3, **options):
    return SigmoidHead(num_classes, num_classes, classifier=nn.Identity(), **options)


def test_natural_parts():
    single, multi = SigmoidHead(4, 3, label_type="single"), SigmoidHead(4, 3)
    assert (single.label_type, multi.label_type) == ("single", "multi")
    assert isinstance(multi.criterion, BinaryCrossEntropy)
    assert isinstance(single.decision, Argmax)
    assert isinstance(multi.decision, Threshold)
    assert not multi.decision.named  # so that a loaded state wins


def test_the_loss_is_torchs_summed_over_classes():
    logits, sets = torch.randn(8, 3), (torch.rand(8, 3) < 0.4).float()
    loss = on_logits().loss(logits, sets)
    torch.testing.assert_close(loss, 3 * F.binary_cross_entropy_with_logits(logits, sets))
    mean = on_logits(criterion=BinaryCrossEntropy(class_reduction="mean")).loss(logits, sets)
    torch.testing.assert_close(mean, F.binary_cross_entropy_with_logits(logits, sets))


def test_the_loss_by_hand():
    # sigmoid(ln 3) = 3/4: yes costs ln 4/3, no costs ln 4; the empty set costs 2 ln 4; averaged over both examples
    logits = torch.full((2, 2), math.log(3))
    sets = torch.tensor([[True, False], [False, False]])
    expected = (math.log(4 / 3) + 3 * math.log(4)) / 2
    assert on_logits(2).loss(logits, sets).item() == pytest.approx(expected)


def test_single_label_is_one_versus_rest():
    logits, index = torch.randn(8, 3), torch.randint(0, 3, (8,))
    hot = F.one_hot(index, 3).float()
    loss = on_logits(label_type="single").loss(logits, index)
    torch.testing.assert_close(loss, on_logits().loss(logits, hot))


def test_probabilities_are_scipys():
    logits = torch.randn(8, 3) * 5
    expected = torch.from_numpy(scipy.special.expit(logits.numpy()))
    torch.testing.assert_close(on_logits().probabilities(logits), expected)


def test_scores_are_the_logits():
    logits = torch.tensor([[97.0, 1e4, -1e4]])
    assert torch.equal(on_logits().scores(logits), logits)
    assert torch.equal(on_logits(score="logit").scores(logits), logits)


def test_nll_is_sklearns_log_loss_summed():
    logits, sets = torch.randn(50, 3, dtype=torch.float64), torch.rand(50, 3) < 0.4
    head = on_logits(criterion=BinaryCrossEntropy([1, 2, 3], [3, 2, 1], 0.2, "mean"))  # which the nll does not see
    probabilities = head.probabilities(logits).numpy()
    expected = sum(sklearn.metrics.log_loss(sets[:, c], probabilities[:, c], labels=[0, 1]) for c in range(3))
    assert head.nll(logits, sets).mean().item() == pytest.approx(expected, rel=1e-9)


def test_a_yes_or_no_question_is_a_softmax_of_two():
    one, two = on_logits(1, decision=Threshold(0.5)), SoftmaxHead(2, 2, classifier=nn.Identity())
    logit, answer = torch.randn(20, 1, dtype=torch.float64) * 3, torch.randint(0, 2, (20, 1))
    pair = torch.cat([torch.zeros_like(logit), logit], dim=1)
    torch.testing.assert_close(one.loss(logit, answer), two.loss(pair, answer[:, 0]))
    torch.testing.assert_close(one.nll(logit, answer), two.nll(pair, answer[:, 0]))
    torch.testing.assert_close(one.scores(logit)[:, 0], two.scores(pair)[:, 1])
    torch.testing.assert_close(one.probabilities(logit)[:, 0], two.probabilities(pair)[:, 1])
    assert torch.equal(one.predict(logit)[:, 0], two.predict(pair).bool())


def test_class_indices_are_refused_and_the_fix_is_named():
    with pytest.raises(
        TargetError, match=r"TH-M01: SigmoidHead got class indices .*Try: SoftmaxHead, label_type=\"single\""
    ):
        SigmoidHead(4, 3).loss(torch.zeros(2, 4), torch.tensor([0, 2]))


def test_soft_targets():
    logits, soft = torch.randn(8, 3), torch.rand(8, 3)
    torch.testing.assert_close(
        on_logits(soft_targets=True).loss(logits, soft), 3 * F.binary_cross_entropy_with_logits(logits, soft)
    )
    with pytest.raises(TargetError, match="TH-M13"):
        on_logits().loss(logits, soft)


def test_ignored_entries_leave_the_sum_and_not_the_count():
    logits, sets = torch.randn(2, 3), torch.tensor([[1, -1, 0], [-1, -1, -1]])
    head = on_logits(ignore_index=-1)
    entries = F.binary_cross_entropy_with_logits(logits[0, ::2], sets[0, ::2].float(), reduction="sum")
    torch.testing.assert_close(head.loss(logits, sets), entries)  # the second example is unknown: divided by 1
    assert head.count(sets) == 1


def test_a_bool_target_is_as_good_as_any():
    logits, sets = torch.randn(8, 3), torch.rand(8, 3) < 0.4
    losses = {on_logits().loss(logits, sets.to(dtype)).item() for dtype in (torch.bool, torch.uint8, torch.float64)}
    assert len(losses) == 1
