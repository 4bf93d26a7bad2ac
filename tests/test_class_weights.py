"""The class frequencies of the train split reach the losses: by task, known entries only, and through a whole run."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra import compose, initialize_config_module

from torchheads import (
    BalancedSoftmax,
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    LabelLists,
    LogitAdjusted,
    MultiHead,
    SigmoidHead,
    SoftmaxHead,
)
from torchheads.build import load_module
from torchheads.class_weights import tell_frequencies
from torchheads.data import Digits
from torchheads.data.batch import Split
from torchheads.errors import HeadConfigError
from torchheads.train import train

AUTO = {"_target_": "torchheads.losses.InverseFrequency"}
CLASS_BALANCED = {"_target_": "torchheads.losses.ClassBalanced", "beta": 0.5}
INDEX = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
SETS = torch.tensor([[1, 1], [1, 0], [0, 0], [0, 0]])


def data(target, label_type="single", num_classes=3, mask=None, ignore_index=None):
    """Data of one task, or of several by dicts, without the rest of a data set."""
    split = Split(torch.zeros(len(INDEX), 1), target, mask)
    facts = {"label_type": label_type, "num_classes": num_classes, "ignore_index": ignore_index}
    return SimpleNamespace(name="made up", split=lambda name: {"train": split}[name], **facts)


def test_weights_of_a_softmax_by_hand():
    # 10 rows, 3 classes of 3, 2 and 5: 10 / (3 n)
    head = SoftmaxHead(4, 3)
    tell_frequencies(head, data(INDEX), AUTO)
    torch.testing.assert_close(head.criterion.class_weight, torch.tensor([10 / 9, 10 / 6, 10 / 15]))


def test_weights_of_a_sigmoid_by_hand():
    # 4 rows: class 0 in two of them, class 1 in one, or in one of the three of which that is known
    head = SigmoidHead(4, 2)
    tell_frequencies(head, data(SETS, "multi", 2), AUTO)
    assert head.criterion.pos_weight.tolist() == [1, 3]
    for known in (
        data(SETS, "multi", 2, mask=torch.tensor([[1, 1], [1, 1], [1, 1], [1, 0]]).bool()),
        data(torch.tensor([[1, 1], [1, 0], [0, 0], [0, -1]]), "multi", 2, ignore_index=-1),
    ):
        head = SigmoidHead(4, 2)
        tell_frequencies(head, known, AUTO)
        assert head.criterion.pos_weight.tolist() == [1, 2]


def test_weights_by_effective_number():
    # beta 1/2: effective numbers 7/4, 3/2 and 31/16 of 3, 2 and 5 examples
    head = SoftmaxHead(4, 3)
    tell_frequencies(head, data(INDEX), CLASS_BALANCED)
    inverse = torch.tensor([4 / 7, 2 / 3, 16 / 31])
    torch.testing.assert_close(head.criterion.class_weight, inverse * 3 / inverse.sum())


def test_a_head_starts_where_its_loss_is_least_now():
    for head_class, criterion in ((SigmoidHead, BinaryCrossEntropy), (SigmoidHead, Focal), (SoftmaxHead, CrossEntropy)):
        head = head_class(4, 3, label_type="single", prior=[0.3, 0.2, 0.5], criterion=criterion())
        before = head.classifier.bias.detach().clone()
        tell_frequencies(head, data(INDEX), AUTO)
        expected = head.criterion.constant_logits(torch.tensor([0.3, 0.2, 0.5]))
        torch.testing.assert_close(head.classifier.bias.detach(), expected)
        assert not torch.allclose(expected, before, atol=0.05)


@pytest.mark.parametrize("kind", [LogitAdjusted, BalancedSoftmax])
def test_losses_that_await_counts_get_them(kind):
    last = torch.arange(10) == 9  # is unknown
    for known in (data(INDEX, mask=~last), data(INDEX.masked_fill(last, -1), ignore_index=-1)):
        head = SoftmaxHead(4, 3, criterion=kind())
        tell_frequencies(head, known, None)
        assert head.criterion.frequencies.counts.tolist() == [3, 2, 4]
    by_hand = SoftmaxHead(4, 3, criterion=kind(class_counts=[1, 1, 8]))
    tell_frequencies(by_hand, data(INDEX), None)
    assert by_hand.criterion.frequencies.counts.tolist() == [1, 1, 8]
    with pytest.raises(HeadConfigError, match=f"TH-H36: {kind.__name__} has no class_weight"):
        tell_frequencies(SoftmaxHead(4, 3, criterion=kind()), data(INDEX), AUTO)


def test_label_lists_are_counted_too():
    head = SigmoidHead(4, 2)
    tell_frequencies(head, data(LabelLists.from_multi_hot(SETS), "multi", 2), AUTO)
    assert head.criterion.pos_weight.tolist() == [1, 3]


def test_a_head_that_needs_nothing_is_left_alone():
    head = SoftmaxHead(4, 3)
    with torch.no_grad():
        head.classifier.weight.fill_(1)
    tell_frequencies(head, None, None)
    assert head.classifier.weight.all()
    assert head.criterion.class_weight is None


def test_several_heads_are_told_of_their_own_tasks():
    head = MultiHead({"kind": SoftmaxHead(4, 3, criterion=LogitAdjusted()), "tags": SigmoidHead(4, 2)})
    sets = torch.cat([SETS, SETS, SETS[:2]])
    several = data({"kind": INDEX, "tags": sets}, {"kind": "single", "tags": "multi"}, {"kind": 3, "tags": 2})
    tell_frequencies(head, several, None)
    assert head.heads["kind"].criterion.frequencies.counts.tolist() == [3, 2, 5]
    assert head.heads["tags"].criterion.pos_weight is None
    head = MultiHead({"kind": SoftmaxHead(4, 3), "tags": SigmoidHead(4, 2)})
    tell_frequencies(head, several, AUTO)
    torch.testing.assert_close(head.heads["kind"].criterion.class_weight, torch.tensor([10 / 9, 10 / 6, 10 / 15]))
    torch.testing.assert_close(head.heads["tags"].criterion.pos_weight, torch.tensor([4 / 6, 7 / 3]))


# A whole run ----------------------------------------------------------------------------------------------------------


def run(folder: Path, *overrides: str) -> Path:
    """Train on a few digits for one epoch; the checkpoint."""
    folder.mkdir()
    small = ["trainer=smoke", "backbone=mlp", "callbacks=default", f"hydra.run.dir={folder}", *overrides]
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        train(compose("train", small), folder)
    return folder / "checkpoints" / "final.ckpt"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (("head=softmax", "weights=auto"), "class_weight"),
        (("head=sigmoid", "loss=focal", "weights=class_balanced"), "pos_weight"),
        (("head=softmax", "loss=logit_adjusted", "head.prior=data"), "frequencies.counts"),
    ],
)
def test_a_run_and_its_checkpoint(tmp_path, overrides, name):
    checkpoint = run(tmp_path / "run", *overrides)
    module = load_module(checkpoint)
    found = dict(module.head.criterion.named_buffers())[name]
    counts = torch.bincount(Digits().split("train").target, minlength=10).double()
    if name == "class_weight":
        expected = counts.sum() / (10 * counts)
    elif name == "pos_weight":
        expected = (1 - 0.999 ** (counts.sum() - counts)) / (1 - 0.999**counts)
    else:
        expected = counts
    torch.testing.assert_close(found, expected.float())
    assert module.head.loss_from_logits(torch.zeros(1, 10), torch.tensor([3])).isfinite()
