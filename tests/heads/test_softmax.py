"""What is special about the softmax head."""

import math

import pytest
import scipy.special
import sklearn.metrics
import torch
from torch import nn
from torch.nn import functional as F

from torchheads import Argmax, CrossEntropy, SoftmaxHead, Threshold
from torchheads.decisions import FittedThreshold
from torchheads.errors import FitError, TargetError


def on_logits(num_classes=3, **options):
    return SoftmaxHead(num_classes, num_classes, classifier=nn.Identity(), **options)


def test_natural_parts():
    single, multi = SoftmaxHead(4, 3), SoftmaxHead(4, 3, label_type="multi")
    assert (single.label_type, multi.label_type) == ("single", "multi")
    assert isinstance(single.criterion, CrossEntropy)
    assert isinstance(single.decision, Argmax)
    assert isinstance(multi.decision, FittedThreshold)
    assert SoftmaxHead.default_decision == {"single": Argmax, "multi": Threshold}


def test_the_loss_is_torchs():
    logits, index = torch.randn(8, 3), torch.randint(0, 3, (8,))
    torch.testing.assert_close(on_logits().loss(logits, index), F.cross_entropy(logits, index))


def test_the_loss_of_sets_by_hand():
    # exp 1, 2, 5: probabilities 1/8, 1/4, 5/8. {0, 1}: (ln 8 + ln 4) / 2; {}: nothing; both count.
    logits = torch.tensor([[1.0, 2, 5]]).log().repeat(2, 1)
    sets = torch.tensor([[1, 1, 0], [0, 0, 0]])
    head = on_logits(label_type="multi")
    expected = (math.log(8) + math.log(4)) / 2 / 2
    assert head.loss(logits, sets).item() == pytest.approx(expected)
    assert head.count(sets) == 2
    assert head.nll(logits, sets).tolist() == pytest.approx([2 * expected, 0])


def test_one_label_is_the_class_index():
    logits, index = torch.randn(8, 3), torch.randint(0, 3, (8,))
    hot = F.one_hot(index, 3)
    torch.testing.assert_close(on_logits(label_type="multi").loss(logits, hot), on_logits().loss(logits, index))


def test_probabilities_are_scipys_and_sum_to_one():
    logits = torch.randn(8, 3)
    probabilities = on_logits().probabilities(logits)
    expected = torch.from_numpy(scipy.special.softmax(logits.numpy(), axis=1))
    torch.testing.assert_close(probabilities, expected)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(8))


def test_nll_is_sklearns_log_loss():
    logits, index = torch.randn(50, 3, dtype=torch.float64), torch.randint(0, 3, (50,))
    head = on_logits(criterion=CrossEntropy([1.0, 2.0, 3.0], 0.2))  # which the nll does not see
    expected = sklearn.metrics.log_loss(index, head.probabilities(logits).numpy(), labels=[0, 1, 2])
    assert head.nll(logits, index).mean().item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("constant", [-50.0, 0.25, 64.0])
def test_a_constant_in_a_row_changes_nothing(constant):
    logits = torch.randn(8, 3)
    shift = constant * torch.arange(8.0)[:, None]
    head = on_logits(label_type="multi", decision=Threshold(0.4))
    torch.testing.assert_close(head.scores(logits + shift), head.scores(logits), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(head.probabilities(logits + shift), head.probabilities(logits), rtol=1e-4, atol=1e-4)
    assert torch.equal(head.predict(logits + shift), head.predict(logits))


def test_raw_scores_are_the_announced_exception():
    logits = torch.randn(8, 3)
    raw = on_logits(label_type="multi", score="logit", decision=Threshold(1.0, space="logit"))
    assert torch.equal(raw.scores(logits), logits)
    assert torch.equal(raw.predict(logits), logits >= 1)
    torch.testing.assert_close(raw.probabilities(logits), logits.softmax(dim=1))  # these stay what they are


def test_an_unfitted_threshold_refuses():
    head = SoftmaxHead(4, 3, label_type="multi")
    with pytest.raises(FitError, match="TH-F01"):
        head.predict(torch.zeros(2, 3))
    assert "decision not fitted" in repr(head)


def test_a_multi_hot_is_refused_and_the_fix_is_named():
    with pytest.raises(TargetError, match=r"TH-T05: SoftmaxHead got .*Try: SigmoidHead, or label_type=\"multi\""):
        SoftmaxHead(4, 3).loss(torch.zeros(2, 4), torch.ones(2, 3))


def test_soft_targets():
    logits, soft = torch.randn(8, 3), torch.rand(8, 3).softmax(dim=1)
    head = on_logits(soft_targets=True)
    torch.testing.assert_close(head.loss(logits, soft), F.cross_entropy(logits, soft))
    index = torch.randint(0, 3, (8,))
    torch.testing.assert_close(head.loss(logits, index), F.cross_entropy(logits, index))


def test_ignored_rows_are_torchs():
    logits, index = torch.randn(8, 3), torch.tensor([0, 1, 255, 2, 255, 0, 1, 1])
    head = on_logits(ignore_index=255)
    torch.testing.assert_close(head.loss(logits, index), F.cross_entropy(logits, index, ignore_index=255))
    assert head.count(index) == 6


def test_segmentation_is_torchs():
    logits, index = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    torch.testing.assert_close(on_logits().loss(logits, index), F.cross_entropy(logits, index))
