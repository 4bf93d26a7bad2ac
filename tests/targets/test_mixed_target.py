"""Mixed targets: the loss is the mix of the losses; rows, copies, and every pair that is none."""

import copy
import math
import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.errors import DataError, TargetError
from torchheads.targets import LabelLists, MixedTarget, plain_target

N, C = 4, 3
FIRST, SECOND = torch.tensor([0, 2, 1, 1]), torch.tensor([2, 1, 1, 0])
LOGITS = torch.tensor([[2.1, 4.0, 3.2], [0.0, -1.0, 1.0], [0.5, 0.5, -2.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
LISTS = [[0, 2], [], [1], [0, 1, 2]]


def one_by_one(head, target, weight):
    """The definition, example by example: weight * loss(first) + (1 - weight) * loss(second)."""
    total = 0.0
    for row in range(N):
        share = weight[row] if isinstance(weight, list) else weight
        losses = [
            head.loss(LOGITS[row : row + 1], part[row : row + 1]).item() for part in (target.first, target.second)
        ]
        total += share * losses[0] + (1 - share) * losses[1]
    return total / N


FORMS = {
    "class indices": ("single", FIRST, SECOND, {}),
    "sets": ("multi", torch.eye(N, C), torch.ones(N, C), {}),
    "lists": ("multi", LabelLists.from_lists(LISTS, C), LabelLists.from_lists(LISTS[::-1], C), {}),
    "soft": ("single", torch.full((N, C), 1 / C), torch.tensor([[0.5, 0.5, 0.0]] * N), {"soft_targets": True}),
}


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
@pytest.mark.parametrize(("label_type", "first", "second", "options"), FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, [0.1, 0.9, 0.5, 1.0]], ids=str)
def test_the_loss_is_the_mix_of_the_losses(head_class, label_type, first, second, options, weight):
    head = head_class(C, C, classifier=nn.Identity(), label_type=label_type, **options)
    target = MixedTarget(first, second, torch.tensor(weight) if isinstance(weight, list) else weight)
    assert head.loss(LOGITS, target).item() == pytest.approx(one_by_one(head, target, weight), rel=1e-6)
    assert head.count(target) == N


def test_by_hand():
    # logits 0: every class costs ln 3, however it is mixed; logits ln 2, 0, 0: p = 1/2, 1/4, 1/4
    head, target = SoftmaxHead(C, C, classifier=nn.Identity()), MixedTarget(torch.tensor([0]), torch.tensor([1]), 0.25)
    assert head.loss(torch.zeros(1, C), target).item() == pytest.approx(math.log(3))
    loss = head.loss(torch.tensor([[math.log(2), 0.0, 0.0]]), target)
    assert loss.item() == pytest.approx(0.25 * math.log(2) + 0.75 * math.log(4))


def test_class_indices_mix_as_soft_targets_do():
    hard, soft = (
        SoftmaxHead(C, C, classifier=nn.Identity()),
        SoftmaxHead(C, C, classifier=nn.Identity(), soft_targets=True),
    )
    hot = nn.functional.one_hot
    mixed = 0.3 * hot(FIRST, C) + 0.7 * hot(SECOND, C)
    torch.testing.assert_close(hard.loss(LOGITS, MixedTarget(FIRST, SECOND, 0.3)), soft.loss(LOGITS, mixed.double()))


@given(st.floats(0, 1))
def test_a_pair_of_equals_is_no_mix(weight):
    head = SoftmaxHead(C, C, classifier=nn.Identity())
    mixed = head.loss(LOGITS, MixedTarget(FIRST, FIRST, weight))
    torch.testing.assert_close(mixed, head.loss(LOGITS, FIRST), rtol=1e-6, atol=0)


def test_an_example_counts_with_the_share_that_is_known():
    head = SoftmaxHead(C, C, classifier=nn.Identity(), ignore_index=-1)
    target = MixedTarget(torch.tensor([0, -1, -1, 1]), torch.tensor([-1, 2, -1, 1]), 0.25)
    assert head.count(target).item() == pytest.approx(0.25 + 0.75 + 0 + 1)
    each = head.nll(LOGITS, torch.tensor([0, 2, 0, 1])).tolist()
    expected = (0.25 * each[0] + 0.75 * each[1] + each[3]) / 2
    assert head.loss(LOGITS, target).item() == pytest.approx(expected)


def test_rows_of_images_have_the_share_of_their_example():
    share = MixedTarget(torch.zeros(2, 2, 2), torch.zeros(2, 2, 2), torch.tensor([0.25, 1.0])).row_share(8)
    assert share.tolist() == [0.25] * 4 + [1.0] * 4
    assert MixedTarget(FIRST, SECOND, 0.5).row_share(4).tolist() == 0.5
    assert MixedTarget(FIRST[:0], SECOND[:0], torch.zeros(0)).row_share(0).tolist() == []


# Rows and copies ------------------------------------------------------------------------------------------------------

MASK = torch.tensor([True, False, True, False])


@pytest.mark.parametrize(
    ("rows", "chosen"), [(slice(1, 3), [1, 2]), (torch.tensor([3, 0]), [3, 0]), (MASK, [0, 2]), (slice(0, 0), [])]
)
@pytest.mark.parametrize("lists", [False, True])
def test_rows(rows, chosen, lists):
    weight = torch.tensor([0.0, 0.25, 0.5, 1.0])
    pair = [LabelLists.from_lists(LISTS, C), LabelLists.from_lists(LISTS[::-1], C)] if lists else [FIRST, SECOND]
    some, same = MixedTarget(*pair, weight)[rows], MixedTarget(*pair, 0.3)[rows]
    assert len(some) == len(same) == len(chosen)
    assert some.first.tolist() == [pair[0].tolist()[row] for row in chosen]
    assert some.second.tolist() == [pair[1].tolist()[row] for row in chosen]
    assert some.weight.tolist() == [weight[row].item() for row in chosen]
    assert same.weight.item() == pytest.approx(0.3)


def test_moves_and_copies():
    target = MixedTarget(FIRST, SECOND, torch.tensor([0.0, 0.25, 0.5, 1.0]))
    moved = target.to("meta")
    assert {part.device.type for part in (moved.first, moved.second, moved.weight)} == {"meta"}
    for again in (target.to("cpu"), copy.deepcopy(target), pickle.loads(pickle.dumps(target))):
        assert torch.equal(again.first, FIRST)
        assert torch.equal(again.second, SECOND)
        assert torch.equal(again.weight, target.weight)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs an accelerator")
def test_pinned_memory():
    pinned = MixedTarget(FIRST, SECOND, 0.5).pin_memory()
    assert pinned.first.is_pinned()
    assert pinned.second.is_pinned()
    assert pinned.weight.is_pinned()


def test_pinned_memory_is_asked_for_all_parts(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda part: asked.append(part.tolist()) or part.clone())
    MixedTarget(FIRST, SECOND, 0.5).pin_memory()
    assert asked == [FIRST.tolist(), SECOND.tolist(), 0.5]


def test_repr():
    assert repr(MixedTarget(FIRST, SECOND, 0.5)) == "MixedTarget(4 examples, weight=0.5)"
    assert repr(MixedTarget(FIRST, SECOND, torch.zeros(4))) == "MixedTarget(4 examples, weight=one each)"


# What is refused ------------------------------------------------------------------------------------------------------

PAIRS = {
    "other lengths": (FIRST, SECOND[:2], r"got targets \(4,\) and \(2,\); allowed two of one form"),
    "other shapes": (torch.zeros(4, 3), FIRST, r"got targets \(4, 3\) and \(4,\)"),
    "a tensor and lists": (
        torch.zeros(4, 3),
        LabelLists.from_lists(LISTS, C),
        "got targets .* allowed two of one form",
    ),
    "scalars": (torch.tensor(1), torch.tensor(0), r"got targets \(\) and \(\)"),
    "Python lists": ([0, 1], [1, 0], "got a list; allowed tensors or LabelLists"),
    "arrays": (np.array([0, 1]), np.array([1, 0]), "got a ndarray; allowed tensors"),
    "one array": (FIRST, FIRST.numpy(), "got a ndarray; allowed tensors"),
    "nothing": (FIRST, None, "got a NoneType"),
    "a pair of pairs": (MixedTarget(FIRST, SECOND, 0.5), MixedTarget(FIRST, SECOND, 0.5), "got a MixedTarget"),
}


@pytest.mark.parametrize(("first", "second", "text"), PAIRS.values(), ids=PAIRS.keys())
def test_pairs_that_are_none(first, second, text):
    with pytest.raises(TargetError, match=rf"^TH-M15: MixedTarget {text}.*\. Try: "):
        MixedTarget(first, second, 0.5)


WEIGHTS = {
    "negative": (-0.1, "weight -0.1"),
    "above one": (1.5, "weight 1.5"),
    "NaN": (math.nan, "weight nan"),
    "one of many": (torch.tensor([0.5, 0.5, 2.0, 0.5]), r"weight \[0\.5, 0\.5, 2\.0, 0\.5\]"),
    "of another length": (torch.tensor([0.5, 0.5]), r"weight of shape \(2,\)"),
    "a matrix": (torch.zeros(4, 1), r"weight of shape \(4, 1\)"),
    "a word": ("half", "weight 'half'"),
    "None": (None, "weight None"),
    "words": (["a", "b", "c", "d"], "weight "),
}


@pytest.mark.parametrize(("weight", "text"), WEIGHTS.values(), ids=WEIGHTS.keys())
def test_weights_that_are_none(weight, text):
    with pytest.raises(
        TargetError, match=rf"^TH-M15: MixedTarget got a {text}.*allowed one number in 0\.\.1.*Try: weight="
    ):
        MixedTarget(FIRST, SECOND, weight)


@pytest.mark.parametrize("weight", [0, 1, 0.5, torch.tensor(0.5), [0.0, 0.25, 0.5, 1.0], np.float64(0.5)])
def test_weights_that_are_taken(weight):
    assert MixedTarget(FIRST, SECOND, weight).weight.dtype == torch.float32


def test_where_one_target_is_needed():
    with pytest.raises(
        TargetError, match=r"TH-M16: SoftmaxHead got a MixedTarget, which is for training; .*Try: target\.fi"
    ):
        plain_target(MixedTarget(FIRST, SECOND, 0.5), "SoftmaxHead")


@pytest.mark.parametrize("part", ["first", "second"])
def test_a_bad_value_of_either_is_named(part):
    bad = torch.tensor([0, 1, 9, 0])
    pair = {"first": FIRST, "second": FIRST} | {part: bad}
    with pytest.raises(TargetError, match="TH-T01: SoftmaxHead got class index 9 at sample 2"):
        SoftmaxHead(C, C, classifier=nn.Identity()).loss(LOGITS, MixedTarget(**pair, weight=0.5))
    with pytest.raises(DataError, match="TH-M14"):
        SoftmaxHead(C, C, classifier=nn.Identity()).loss(LOGITS, [0, 1, 2, 0])


# The whole text of every refusal --------------------------------------------------------------------------------------

A_WEIGHT = "allowed one number in 0..1, or one an example. Try: weight=0.5"

TEXTS = [
    (
        lambda: MixedTarget([0], FIRST, 0.5),
        "TH-M15: MixedTarget got a list; allowed tensors or LabelLists. "
        "Try: torch.as_tensor(target), or LabelLists.from_lists(lists, num_classes)",
    ),
    (
        lambda: MixedTarget(FIRST, SECOND[:2], 0.5),
        "TH-M15: MixedTarget got targets (4,) and (2,); allowed two of one form. "
        "Try: MixedTarget(target, target[order], weight)",
    ),
    (lambda: MixedTarget(FIRST, SECOND, 1.5), f"TH-M15: MixedTarget got a weight 1.5; {A_WEIGHT}"),
    (lambda: MixedTarget(FIRST, SECOND, "half"), f"TH-M15: MixedTarget got a weight 'half'; {A_WEIGHT}"),
    (
        lambda: MixedTarget(FIRST, SECOND, torch.zeros(3)),
        f"TH-M15: MixedTarget got a weight of shape (3,); {A_WEIGHT}",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises(TargetError) as caught:
        refused()
    assert str(caught.value) == text


@pytest.mark.parametrize(("options", "expected"), [({}, False), ({"non_blocking": True}, True)])
def test_whether_a_move_waits_is_the_callers_choice(monkeypatch, options, expected):
    target, asked = MixedTarget(FIRST, SECOND, 0.5), []
    monkeypatch.setattr(torch.Tensor, "to", lambda part, device, **how: asked.append((device, how)) or part)
    target.to("cpu", **options)
    assert asked == [("cpu", {"non_blocking": expected})] * 3


def test_the_weight_is_where_the_targets_are():
    with torch.device("meta"):
        assert MixedTarget(FIRST, SECOND, 0.5).weight.is_cpu


def test_the_positions_of_one_image_share_its_weight():
    assert (
        MixedTarget(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), torch.tensor([0.25])).row_share(4).tolist()
        == [0.25] * 4
    )
