"""`Weighting`: the weight that a criterion's link calls for, by the rule that fits it."""

import pytest
import torch

from torchheads.errors import HeadConfigError
from torchheads.losses import (
    Asymmetric,
    BalancedSoftmax,
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    InverseFrequency,
    Weighting,
)

COUNTS = torch.tensor([1, 4])


def bound(criterion, link):
    criterion.bind(2, link)
    return criterion


class Fixed(Weighting):
    """Weights that show what they were asked with."""

    def class_weight(self, counts):
        return counts + 0.5

    def pos_weight(self, counts, total):
        return total - counts


def test_it_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Weighting()


@pytest.mark.parametrize(
    ("criterion", "link", "name", "weights"),
    [
        (CrossEntropy, "softmax", "class_weight", [1.5, 4.5]),
        (Focal, "softmax", "class_weight", [1.5, 4.5]),
        (BinaryCrossEntropy, "sigmoid", "pos_weight", [9, 6]),
        (Focal, "sigmoid", "pos_weight", [9, 6]),
    ],
)
@pytest.mark.parametrize("total", [10, torch.tensor([10, 10])])
def test_the_link_says_which_weight(criterion, link, name, weights, total):
    made = bound(criterion(), link)
    Fixed().weigh(made, COUNTS, total)
    assert {key: value.tolist() for key, value in made.named_buffers()} == {name: weights}
    assert getattr(made, name).dtype == torch.float32


@pytest.mark.parametrize(
    ("criterion", "link", "name"),
    [(Asymmetric, "sigmoid", "pos_weight"), (BalancedSoftmax, "softmax", "class_weight")],
)
def test_losses_that_balance_by_themselves_take_none(criterion, link, name):
    with pytest.raises(HeadConfigError) as caught:
        InverseFrequency().weigh(bound(criterion(), link), COUNTS, 5)
    assert str(caught.value) == (
        f"TH-H36: {criterion.__name__} has no {name}, and the weights of the data are one. "
        "Try: no weights beside this loss (~weights), or another loss"
    )


@pytest.mark.parametrize(
    ("criterion", "link", "name"),
    [(CrossEntropy, "softmax", "class_weight"), (BinaryCrossEntropy, "sigmoid", "pos_weight")],
)
def test_weights_by_hand_and_of_the_data_are_one_too_many(criterion, link, name):
    with pytest.raises(HeadConfigError) as caught:
        InverseFrequency().weigh(bound(criterion(**{name: [1.0, 2.0]}), link), COUNTS, 5)
    assert str(caught.value) == (
        f"TH-H36: {criterion.__name__} got {name} by hand and weights of the data; allowed one of the two. "
        f"Try: ~weights, or loss.{name}=null"
    )


def test_other_weights_by_hand_stay():
    made = bound(BinaryCrossEntropy(class_weight=[1.0, 2.0]), "sigmoid")
    InverseFrequency().weigh(made, COUNTS, 5)
    assert made.class_weight.tolist() == [1, 2]
    assert made.pos_weight.tolist() == [4, 0.25]
    InverseFrequency().weigh(made, COUNTS, 10)  # found again, not given by hand
    assert made.pos_weight.tolist() == [9, 1.5]


def test_weights_of_the_data_do_not_go_with_alpha():
    with pytest.raises(
        HeadConfigError, match=r"TH-H36: Focal got alpha=\[0\.9, 0\.9\] and weights of the data.*Try: ~wei"
    ):
        InverseFrequency().weigh(bound(Focal(alpha=0.9), "sigmoid"), COUNTS, 5)
