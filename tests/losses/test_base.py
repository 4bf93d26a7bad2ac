"""What every criterion refuses: weights and smoothing that mean nothing, and weights for other classes."""

import pytest
import torch

from torchheads.errors import HeadConfigError
from torchheads.losses import BinaryCrossEntropy, Criterion, CrossEntropy
from torchheads.losses.base import (
    as_numbers,
    bad_weight,
    check_number,
    check_smoothing,
    positive_buffer,
    shown_weight,
    weight_buffer,
)

NAN, INF = float("nan"), float("inf")


def test_a_criterion_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Criterion()


def test_no_weight_stays_none():
    assert weight_buffer("class_weight", None) is None
    assert positive_buffer(None) is None


@pytest.mark.parametrize("weight", [[1, 2.5, 0], (1, 2.5, 0), torch.tensor([1, 2.5, 0], dtype=torch.float64)])
def test_weights_become_float32(weight):
    values = weight_buffer("class_weight", weight)
    assert values.dtype == torch.float32
    assert values.tolist() == [1, 2.5, 0]
    assert not values.requires_grad


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        ([1.0, -2.0], "class_weight got -2; allowed finite numbers >= 0"),
        ([NAN, 1.0], "class_weight got nan"),
        ([1.0, INF], "class_weight got inf"),
        (-2.0, "class_weight got -2"),
        ("ab", "class_weight got 'ab'; allowed finite numbers"),
        (["a", "b"], r"class_weight got \['a', 'b'\]"),
        (torch.ones(2, dtype=torch.complex64), "class_weight got tensor"),
        ([[1.0, 2.0]], r"class_weight got shape \(1, 2\)"),
    ],
)
@pytest.mark.parametrize("code", ["T13", "M08"])
def test_bad_weights(weight, text, code):
    with pytest.raises(HeadConfigError, match=rf"TH-{code}: {text}.*Try: class_weight=\[1\.0, \.\.\.\]"):
        weight_buffer("class_weight", weight, code)


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, NAN, "0.1", None, [0.1]])
def test_bad_smoothing(value):
    with pytest.raises(HeadConfigError, match=r"TH-T14: label_smoothing=.*allowed 0 <= .*Try: label_smoothing=0\.1"):
        check_smoothing(value)
    for criterion in (CrossEntropy, BinaryCrossEntropy):
        with pytest.raises(HeadConfigError, match="TH-T14"):
            criterion(label_smoothing=value)


def test_good_smoothing():
    assert [check_smoothing(value) for value in (0, 0.0, 0.1, 0.999)] == [0.0, 0.0, 0.1, 0.999]


@pytest.mark.parametrize(
    ("criterion", "code", "name"),
    [
        (CrossEntropy(class_weight=[1.0, 2.0]), "T13", "class_weight"),
        (BinaryCrossEntropy(class_weight=[1.0, 2.0]), "T13", "class_weight"),
        (BinaryCrossEntropy(pos_weight=[1.0, 2.0]), "M08", "pos_weight"),
    ],
)
def test_one_weight_a_class(criterion, code, name):
    criterion.bind(2, "sigmoid")
    with pytest.raises(
        HeadConfigError, match=rf"TH-{code}: {name} has shape \(2,\); allowed \(3,\)\. Try: one {name} for"
    ):
        criterion.bind(3, "sigmoid")


LOGITS, TARGET = torch.tensor([[0.3, -1.0, 2.0], [1.0, 0.0, -0.5]]), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    "make", [CrossEntropy, BinaryCrossEntropy, lambda weight: BinaryCrossEntropy(pos_weight=weight)]
)
@pytest.mark.parametrize("weight", [2.0, [1.0, 2.0]])
def test_weights_have_content_where_nothing_else_has(make, weight):
    with torch.device("meta"):
        criterion = make(weight)
        criterion.bind(2, "sigmoid")
    assert {(buffer.device.type, buffer.shape) for buffer in criterion.buffers()} == {("cpu", (2,))}


@pytest.mark.parametrize(
    "make",
    [CrossEntropy, BinaryCrossEntropy, lambda weight: BinaryCrossEntropy(pos_weight=weight)],
    ids=["softmax class_weight", "sigmoid class_weight", "sigmoid pos_weight"],
)
def test_one_number_stands_for_all_classes(make):
    spread, single, loose = make([2.5] * 3), make(2.5), make(torch.tensor(2.5))
    single.bind(3, "sigmoid")  # as a head does; ``loose`` is used without one
    for one in (single, loose):
        for size in (2, 0):  # forward, and mean with and without rows
            torch.testing.assert_close(one(LOGITS[:size], TARGET[:size]), spread(LOGITS[:size], TARGET[:size]))
            torch.testing.assert_close(
                one.mean(LOGITS[:size], TARGET[:size]), spread.mean(LOGITS[:size], TARGET[:size])
            )
        prior = torch.tensor([0.1, 0.2, 0.7])
        torch.testing.assert_close(one.constant_logits(prior), spread.constant_logits(prior))
        assert one.state_dict() == {}
    assert repr(single) == repr(spread)
    assert "=2.5" in repr(loose)
    with pytest.raises(HeadConfigError, match=r"has shape \(3,\); allowed \(4,\).* of its own"):
        single.bind(4, "sigmoid")


@pytest.mark.parametrize("criterion", [CrossEntropy([1.0, 2.0]), BinaryCrossEntropy([1.0, 2.0], [3.0, 4.0])])
def test_weights_are_configuration_not_state(criterion):
    assert criterion.state_dict() == {}
    assert criterion.half().class_weight.dtype == torch.float32  # and are not rounded with the module's


# The whole text of every refusal --------------------------------------------------------------------------------------

NUMBERS = "allowed finite numbers >= 0, one for all classes or one a class"

TEXTS = [
    (
        lambda: CrossEntropy([1.0, 2.0]).bind(3, "softmax"),
        "TH-T13: class_weight has shape (2,); allowed (3,). "
        "Try: one class_weight for each of the 3 classes, in a CrossEntropy of its own",
    ),
    (
        lambda: BinaryCrossEntropy(pos_weight=[1.0, 2.0]).bind(3, "sigmoid"),
        "TH-M08: pos_weight has shape (2,); allowed (3,). "
        "Try: one pos_weight for each of the 3 classes, in a BinaryCrossEntropy of its own",
    ),
    (lambda: CrossEntropy(-1.0), f"TH-T13: class_weight got -1; {NUMBERS}. Try: class_weight=[1.0, ...]"),
    (lambda: CrossEntropy("ab"), f"TH-T13: class_weight got 'ab'; {NUMBERS}. Try: class_weight=[1.0, ...]"),
    (lambda: CrossEntropy([[1.0]]), f"TH-T13: class_weight got shape (1, 1); {NUMBERS}. Try: class_weight=[1.0, ...]"),
    (
        lambda: BinaryCrossEntropy(class_weight=-1),
        f"TH-T13: class_weight got -1; {NUMBERS}. Try: class_weight=[1.0, ...]",
    ),
    (
        lambda: BinaryCrossEntropy(pos_weight=[1, INF]),
        f"TH-M08: pos_weight got inf; {NUMBERS}. Try: pos_weight=[1.0, ...]",
    ),
    (
        lambda: BinaryCrossEntropy(pos_weight=0),
        "TH-M08: pos_weight holds 0; allowed > 0. Try: class_weight=0 for a class to leave out",
    ),
    (
        lambda: BinaryCrossEntropy(class_reduction="none"),
        "TH-T13: class_reduction='none'; allowed 'sum', 'mean'. Try: class_reduction=sum",
    ),
    (
        lambda: CrossEntropy(label_smoothing=1.0),
        "TH-T14: label_smoothing=1.0; allowed 0 <= label_smoothing < 1. Try: label_smoothing=0.1",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises(HeadConfigError) as caught:
        refused()
    assert str(caught.value) == text


# Means ----------------------------------------------------------------------------------------------------------------


class Squares(Criterion):
    """A criterion with nothing of its own but the loss of a row, so that the mean is the base's."""

    links = ("sigmoid",)

    def forward(self, logits, target, known=None):
        entries = (logits - target).square()
        if known is not None:
            entries = entries.where(known if known.ndim == 2 else known[:, None], 0)
        return entries.sum(dim=1)

    def constant_logits(self, prior):
        return prior


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, (1 + 4 + 9) / 3),
        (torch.tensor([True, False, True]), (1 + 9) / 2),
        (torch.tensor([[True, True], [True, False], [False, False]]), (1 + 2) / 2),  # half of row 1; row 2 is unknown
        (torch.zeros(3, dtype=torch.bool), 0),
        (torch.zeros(3, 2, dtype=torch.bool), 0),
    ],
)
def test_a_mean_goes_over_the_rows_of_which_anything_is_known(known, expected):
    # each row's two entries cost the same: 1/2, 2 and 9/2
    logits = torch.tensor([[0.5], [2.0], [4.5]]).sqrt().expand(3, 2)
    assert Squares().mean(logits, torch.zeros(3, 2), known).item() == pytest.approx(expected)


def test_the_mean_of_one_row_is_its_loss():
    assert Squares().mean(torch.ones(1, 2), torch.zeros(1, 2)).item() == 2


def test_the_mean_of_no_row_is_zero():
    assert Squares().mean(torch.zeros(0, 2), torch.zeros(0, 2)).item() == 0


def test_weights_are_shown_to_four_decimals():
    assert shown_weight(torch.tensor([1.0, 0.123456])) == "[1.0, 0.1235]"
    assert shown_weight(torch.tensor(0.123456)) == "0.1235"


def test_what_is_no_number_is_cut_at_sixty_characters():
    assert bad_weight("x" * 99, None) == "'" + "x" * 59


def test_as_numbers_has_the_dtype_asked_for():
    assert as_numbers([1, 2], torch.float64).dtype == torch.float64
    assert as_numbers(torch.tensor(1j), torch.float32) is None
    assert as_numbers(10**400, torch.float32) is None
    assert as_numbers(object(), torch.float32) is None


def test_a_move_reaches_what_a_criterion_holds():
    criterion = CrossEntropy([1.0, 2.0])
    criterion.inner = torch.nn.Linear(2, 2)
    assert criterion.half().inner.weight.dtype == torch.float16
    assert criterion.to("meta").class_weight.is_meta


def test_criteria_built_without_arguments():
    for criterion in (CrossEntropy(), BinaryCrossEntropy()):
        assert criterion.class_weight is None
        assert criterion.label_smoothing == 0
    assert BinaryCrossEntropy().pos_weight is None
    assert BinaryCrossEntropy().class_reduction == "sum"
    assert CrossEntropy.refuses_bad_indices
    assert not BinaryCrossEntropy.refuses_bad_indices


# What is told about the training data ---------------------------------------------------------------------------------


def test_most_criteria_await_no_counts():
    criterion = CrossEntropy()
    criterion.take_counts(torch.tensor([3, 1]), 4)
    assert not criterion.awaits_counts
    assert criterion.state_dict() == {}


def weighed(criterion, name, *weight):
    criterion.take_weights(name, torch.tensor(weight))
    return criterion


@pytest.mark.parametrize(
    ("make", "name", "target"),
    [(CrossEntropy, "class_weight", torch.tensor([1, 0])), (BinaryCrossEntropy, "pos_weight", TARGET[:, :2])],
)
def test_found_weights_are_used_saved_and_loaded(make, name, target):
    logits = LOGITS[:, :2]
    found, by_hand = weighed(make(), name, 1.0, 3.0), make(**{name: [1.0, 3.0]})
    for size in (2, 0):  # forward, and mean with and without rows
        assert torch.equal(found(logits[:size], target[:size]), by_hand(logits[:size], target[:size]))
        assert torch.equal(found.mean(logits[:size], target[:size]), by_hand.mean(logits[:size], target[:size]))
    assert {key: value.tolist() for key, value in found.state_dict().items()} == {name: [1, 3]}
    fresh, other = make(), weighed(make(), name, 7.0, 7.0)
    for loaded in (fresh, other):
        loaded.load_state_dict(found.state_dict())
        assert torch.equal(loaded.mean(logits, target), found.mean(logits, target))
    assert found.half().state_dict()[name].dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "target"), [(CrossEntropy, torch.tensor([1, 0])), (BinaryCrossEntropy, TARGET[:, :2])]
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_weight", torch.tensor([1.0, 3.0])),
        ("class_weight", torch.nn.Parameter(torch.tensor([1.0, 3.0]), requires_grad=False)),
        ("label_smoothing", 0.2),
    ],
)
def test_what_is_set_on_a_criterion_later_enters_its_mean(make, target, name, value):
    logits, criterion = LOGITS[:, :2], make()
    before = criterion.mean(logits, target)
    setattr(criterion, name, value)
    assert torch.allclose(criterion.mean(logits, target), criterion(logits, target).mean())
    assert not torch.allclose(criterion.mean(logits, target), before)


def test_weights_by_hand_stay_and_a_state_without_weights_takes_none_away():
    by_hand, found = CrossEntropy([5.0, 6.0]), weighed(CrossEntropy(), "class_weight", 1.0, 3.0)
    by_hand.load_state_dict(found.state_dict())
    assert by_hand.class_weight.tolist() == [5, 6]
    assert by_hand.state_dict() == {}
    found.load_state_dict({})
    assert found.class_weight.tolist() == [1, 3]


def test_a_loss_without_such_weights_passes_them_over():
    state = weighed(BinaryCrossEntropy(), "pos_weight", 1.0, 3.0).state_dict()
    CrossEntropy().load_state_dict(state)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        CrossEntropy().load_state_dict({"something": torch.zeros(1)})


def test_found_weights_of_other_classes_are_not_loaded():
    state = weighed(CrossEntropy(), "class_weight", 1.0, 3.0).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch"):
        weighed(CrossEntropy(), "class_weight", 1.0, 3.0, 5.0).load_state_dict(state)


def test_options_in_their_range():
    assert [check_number("Focal", "gamma", value, 0, INF, 2.0) for value in (0, 0.5, 7)] == [0, 0.5, 7]
    assert isinstance(check_number("Focal", "gamma", 2, 0, INF, 2.0), float)
