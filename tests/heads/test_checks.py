"""Every option, part and number a head refuses, with its code and remedy."""

import math
import warnings

import pytest
import torch
from torch import nn

from torchheads import (
    Argmax,
    BinaryCrossEntropy,
    CrossEntropy,
    MixedTarget,
    SigmoidHead,
    SoftmaxHead,
    Threshold,
    TopK,
)
from torchheads.decisions import FittedThreshold
from torchheads.errors import HeadConfigError, NonFiniteError, TorchHeadsError, TorchHeadsWarning
from torchheads.guarantees import Coverage
from torchheads.heads import checks
from torchheads.losses import Criterion

BOTH = pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])

OPTIONS = {
    "H01: no features": ({"in_features": 0}, "H01", "got in_features=0; allowed whole numbers >= 1. Try: in_features="),
    "H01: a fraction": ({"num_classes": 2.5}, "H01", r"got num_classes=2\.5; allowed whole numbers"),
    "H01: a bool": ({"num_classes": True}, "H01", "got num_classes=True"),
    "H01: no class": ({"num_classes": 0}, "H01", "got num_classes=0"),
    "H01: one class": ({"num_classes": 1, "label_type": "single"}, "H01", r"allowed >= 2\. Try: SigmoidHead\(in_fe"),
    "H22: a label type": ({"label_type": "both"}, "H22", "label_type='both'; allowed 'single' .* Try: label_type='"),
    "H23: a score": ({"score": "odds"}, "H23", "score='odds'; allowed 'log_odds', 'logit'. Try: score='log_odds'"),
    "H19: too few names": ({"class_names": ["a", "b"]}, "H19", "2 distinct class names for 3 classes"),
    "H19: a name twice": ({"class_names": ["a", "b", "a"]}, "H19", "2 distinct class names for 3 classes"),
    "H19: a word": ({"class_names": "abc"}, "H19", "class_names='abc'; allowed a list of names"),
    "H19: a number": ({"class_names": 3}, "H19", "class_names=3; allowed a list of names"),
    "H19: an empty name": ({"class_names": ["a", "", "b"]}, "H19", "none of them empty. Try: class_names="),
    "H19: numbers for names": ({"class_names": [0, 1, 2]}, "H19", "allowed a list of names"),
    "H27: an ignored word": ({"ignore_index": "x"}, "H27", "ignore_index='x'; allowed a whole .* Try: ignore_index=-1"),
    "H27: an ignored giant": ({"ignore_index": 2**63}, "H27", "ignore_index=9223372036854775808"),
    "H27: an ignored fraction": ({"ignore_index": -1.5}, "H27", r"ignore_index=-1\.5"),
    "H20: words": (
        {"prior": ["a", "b", "c"]},
        "H20",
        r"prior=\['a', 'b', 'c'\]; allowed one number .*Try: prior='data'",
    ),
    "H20: a table": ({"prior": {"a": 1}}, "H20", "prior={'a': 1}"),
    "H20: complex": ({"prior": torch.tensor(0.5j)}, "H20", "prior=tensor"),
    "H19: no names": ({"class_names": []}, "H19", "0 distinct class names for 3 classes"),
    "H20: zero": ({"prior": 0.0}, "H20", r"prior 0; allowed numbers between 0 and 1, both excluded\. Try: \(n \+ 1\)"),
    "H20: one": ({"prior": 1}, "H20", "prior 1"),
    "H20: NaN": ({"prior": math.nan}, "H20", "prior nan"),
    "H20: one of many": ({"prior": [0.1, 0.2, 1.5]}, "H20", r"prior 1\.5"),
    "H20: too few": (
        {"prior": [0.1, 0.2]},
        "H20",
        r"prior of shape \(2,\); allowed one number or shape \(3,\)\. Try: pr",
    ),
    "H20: a word": ({"prior": "dat"}, "H20", "dat"),
    "H21: no classifier to set": (
        {"prior": 0.1, "classifier": nn.Identity()},
        "H21",
        r"needs a bias of shape \(3,\), Identity has none. Try: prior=N",
    ),
    "H21: a classifier without a bias": (
        {"prior": "data", "classifier": nn.Linear(4, 3, bias=False)},
        "H21",
        "prior='data' needs a bias",
    ),
    "H21: zero of what is not there": ({"prior": "zero", "classifier": nn.Identity()}, "H21", "prior='zero' needs"),
}


@BOTH
@pytest.mark.parametrize(("options", "code", "text"), OPTIONS.values(), ids=OPTIONS.keys())
def test_refused_options(head_class, options, code, text):
    with pytest.raises(HeadConfigError, match=f"^TH-{code}: .*{text}"):
        head_class(**{"in_features": 4, "num_classes": 3} | options)


def test_the_smallest_heads():
    assert SigmoidHead(1, 1).num_classes == 1
    assert SoftmaxHead(1, 2).num_classes == 2
    with pytest.raises(
        HeadConfigError, match="TH-H01: SoftmaxHead got num_classes=1 for label type 'multi'; allowed >= 2"
    ):
        SoftmaxHead(1, 1, label_type="multi")


PARTS = {
    "a sigmoid loss in a softmax head": (
        SoftmaxHead,
        {"criterion": BinaryCrossEntropy()},
        "H24",
        "SoftmaxHead got BinaryCrossEntropy, .* Try: CrossEntropy",
    ),
    "a softmax loss in a sigmoid head": (
        SigmoidHead,
        {"criterion": CrossEntropy()},
        "H24",
        "SigmoidHead got CrossEntropy, .* softmax heads. Try: BinaryC",
    ),
    "one class for sets": (
        SigmoidHead,
        {"decision": Argmax()},
        "H03",
        r"Argmax decides on label type 'single', .* 'multi'. Try: TopK\(k=1\)",
    ),
    "a set for one class": (
        SoftmaxHead,
        {"decision": Threshold()},
        "H03",
        r"Threshold decides on label type 'multi'.* Try: Argmax\(\)",
    ),
    "k of one class": (SoftmaxHead, {"decision": TopK(2)}, "H03", r"TopK decides on .* Try: Argmax\(\)"),
    "a fitted cut for one class": (
        SigmoidHead,
        {"label_type": "single", "decision": FittedThreshold()},
        "H03",
        r"FittedThreshold decides .*Try: Argm",
    ),
    "a promise for one class": (
        SigmoidHead,
        {"guarantee": Coverage(level=0.9)},
        "H03",
        r"Coverage is a promise for label type 'single', the data are 'multi'. Try: FalseNegativeRate\(level=0.1\) ",
    ),
    "no promise": (
        SoftmaxHead,
        {"guarantee": 0.9},
        "H24",
        r"SoftmaxHead got 0.9; allowed a Guarantee object. Try: None$",
    ),
    "more than there are": (SigmoidHead, {"decision": TopK(4)}, "H03", r"TopK\(k=4\) for 3 classes"),
    "thresholds for other classes": (
        SigmoidHead,
        {"decision": Threshold([0.5, 0.5])},
        "H03",
        "2 thresholds for 3 classes",
    ),
    "weights for other classes": (
        SoftmaxHead,
        {"criterion": CrossEntropy([1.0, 2.0])},
        "T13",
        "class_weight has shape",
    ),
    "positive weights for other classes": (
        SigmoidHead,
        {"criterion": BinaryCrossEntropy(pos_weight=[1.0])},
        "M08",
        "pos_weight has shape",
    ),
}


@pytest.mark.parametrize(("head_class", "options", "code", "text"), PARTS.values(), ids=PARTS.keys())
def test_refused_parts(head_class, options, code, text):
    with pytest.raises(HeadConfigError, match=f"^TH-{code}: .*{text}"):
        head_class(4, 3, **options)


@pytest.mark.parametrize("make", [lambda: Threshold(0.3), lambda: TopK(2, 0.3), FittedThreshold])
def test_a_rule_serves_heads_of_one_number_of_classes(make):
    rule = make()
    first = SigmoidHead(4, 3, decision=rule)
    with pytest.raises(
        HeadConfigError, match=r"TH-H03: this \w+ decides for a head of 3 classes, not of 4\. Try: a \w+ of"
    ):
        SigmoidHead(4, 4, decision=rule)
    assert first.decision.cut.shape == (3,)  # the first head answers as before
    assert SigmoidHead(4, 3, decision=rule).decision is rule
    assert SigmoidHead(4, 4, decision=make()).decision.cut.shape == (4,)


def test_a_rule_that_was_refused_may_be_tried_elsewhere():
    rule = TopK(4)
    with pytest.raises(HeadConfigError, match="TH-H03"):
        SigmoidHead(4, 3, decision=rule)
    assert SigmoidHead(4, 5, decision=rule).decision is rule


# Finiteness -----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("validate", [True, False])
def test_a_loss_that_is_no_number(head_class, validate):
    head = head_class(3, 3, classifier=nn.Identity(), label_type="single", validate=validate)
    logits = torch.zeros(4, 3)
    logits[2, 1] = math.nan
    target = torch.zeros(4, dtype=torch.int64)
    if not validate:
        assert head.loss(logits, target).isnan()
        return
    text = rf"TH-L01: {head_class.__name__}: the loss is nan, logits of sample 2 are not finite.*Try: a smaller"
    with pytest.raises(NonFiniteError, match=text):
        head.loss(logits, target)


def test_a_loss_that_is_infinite():
    head = SoftmaxHead(3, 3, classifier=nn.Identity())
    logits = torch.zeros(4, 3)
    logits[1, 0] = -math.inf
    with pytest.raises(NonFiniteError, match=r"TH-L02: .* the loss is inf, logits of sample 1 are not finite"):
        head.loss(logits, torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_no_infinite_logit_of_a_sigmoid_goes_by_unseen(value):
    head = SigmoidHead(3, 3, classifier=nn.Identity())
    for answer in (0.0, 1.0):
        logits = torch.zeros(4, 3)
        logits[1, 0] = value
        with pytest.raises(NonFiniteError, match=r"TH-L0[12]: .* logits of sample 1 are not finite"):
            head.loss(logits, torch.full((4, 3), answer))


def test_a_loss_that_overflows():
    head = SigmoidHead(3, 3, classifier=nn.Identity(), criterion=BinaryCrossEntropy(class_weight=[3e38] * 3))
    with pytest.raises(NonFiniteError, match=r"TH-L02: .* the loss is inf, though every logit is finite"):
        head.loss(torch.full((2, 3), 1e4), torch.zeros(2, 3))


def test_what_can_be_read():
    assert checks.readable(torch.zeros(1))
    assert not checks.readable(torch.zeros(1, device="meta"))
    inside = []
    torch.func.vmap(lambda row: (inside.append(checks.readable(row)), row)[1])(torch.zeros(2, 2))
    assert inside == [False]


# Priors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [0.25, [0.25] * 3, torch.tensor(0.25), torch.full((3,), 0.25)])
def test_a_prior_is_one_number_or_one_a_class(prior):
    values = checks.check_prior(prior, 3)
    assert values.dtype == torch.float64
    assert values.tolist() == [0.25] * 3


def test_the_bias_is_found():
    head = SigmoidHead(4, 3, classifier=nn.Conv2d(4, 3, 1))
    assert checks.find_bias(head) is head.classifier.bias


# The whole text of every refusal --------------------------------------------------------------------------------------

DATA = "Try: prior='data' (head.prior=data)"
YES_OR_NO = "Try: SigmoidHead(in_features, 1) for a yes-or-no question"
NAMES = "allowed a list of names, none of them empty. Try: class_names=['cat', 'dog', 'cow']"
IGNORED = "allowed a whole number of 64 bits or None. Try: ignore_index=-1 (head.ignore_index=-1)"
TRAIN = "Try: a smaller learning rate, gradient clipping, or look at the batch's input"


def softmax(**options):
    return lambda: SoftmaxHead(**{"in_features": 4, "num_classes": 3} | options)


def sigmoid(**options):
    return lambda: SigmoidHead(**{"in_features": 4, "num_classes": 3} | options)


def loss_with(value, place):
    """The loss of four rows of zeros with one logit of another value."""
    logits = torch.zeros(4, 3)
    logits[place] = value
    return lambda: SoftmaxHead(3, 3, classifier=nn.Identity()).loss(logits, torch.zeros(4, dtype=torch.int64))


def overflow():
    criterion = BinaryCrossEntropy(class_weight=[3e38] * 3)
    SigmoidHead(3, 3, classifier=nn.Identity(), criterion=criterion).loss(torch.full((2, 3), 1e4), torch.zeros(2, 3))


TEXTS = [
    (
        softmax(prior="dat"),
        f"TH-H20: prior='dat'; allowed None, a number, one number a class, 'data' or 'zero'. {DATA}",
    ),
    (
        softmax(in_features=0),
        "TH-H01: SoftmaxHead got in_features=0; allowed whole numbers >= 1. Try: in_features=10",
    ),
    (
        sigmoid(num_classes=True),
        "TH-H01: SigmoidHead got num_classes=True; allowed whole numbers >= 1. Try: num_classes=10",
    ),
    (
        softmax(num_classes=1),
        f"TH-H01: SoftmaxHead got num_classes=1 for label type 'single'; allowed >= 2. {YES_OR_NO}",
    ),
    (
        softmax(num_classes=1, label_type="multi"),
        f"TH-H01: SoftmaxHead got num_classes=1 for label type 'multi'; allowed >= 2. {YES_OR_NO}",
    ),
    (
        sigmoid(num_classes=1, label_type="single"),
        f"TH-H01: SigmoidHead got num_classes=1 for label type 'single'; allowed >= 2. {YES_OR_NO}",
    ),
    (
        softmax(label_type="both"),
        "TH-H22: label_type='both'; allowed 'single' (exactly one class) or 'multi' (any set). "
        "Try: label_type='single'",
    ),
    (softmax(score="odds"), "TH-H23: score='odds'; allowed 'log_odds', 'logit'. Try: score='log_odds'"),
    (softmax(class_names="abc"), f"TH-H19: class_names='abc'; {NAMES}"),
    (
        softmax(class_names=["a", "b", "a"]),
        "TH-H19: 2 distinct class names for 3 classes. Try: one name a class, each of them once",
    ),
    (
        softmax(class_names=["a", "b", "c", "a"]),
        "TH-H19: 3 distinct class names for 3 classes. Try: one name a class, each of them once",
    ),
    (softmax(ignore_index="x"), f"TH-H27: ignore_index='x'; {IGNORED}"),
    (softmax(ignore_index=True), f"TH-H27: ignore_index=True; {IGNORED}"),
    (softmax(ignore_index=2**63), f"TH-H27: ignore_index=9223372036854775808; {IGNORED}"),
    (softmax(ignore_index=-(2**63) - 1), f"TH-H27: ignore_index=-9223372036854775809; {IGNORED}"),
    (softmax(criterion=3), "TH-H24: SoftmaxHead got 3; allowed a Criterion object. Try: CrossEntropy()"),
    (
        sigmoid(criterion=BinaryCrossEntropy),
        "TH-H24: SigmoidHead got BinaryCrossEntropy; allowed a Criterion object. Try: BinaryCrossEntropy()",
    ),
    (
        softmax(calibrator=nn.Identity()),
        "TH-H24: SoftmaxHead got Identity(); allowed a Calibrator object. Try: None",
    ),
    (softmax(decision=3), "TH-H24: SoftmaxHead got 3; allowed a DecisionRule object. Try: None"),
    (
        softmax(classifier=3),
        "TH-H24: SoftmaxHead got 3; allowed a Module object. Try: None, or nn.Linear(in_features, num_classes)",
    ),
    (
        softmax(criterion=BinaryCrossEntropy()),
        "TH-H24: SoftmaxHead got BinaryCrossEntropy, which is a loss for sigmoid heads. "
        "Try: CrossEntropy, or the other head",
    ),
    (
        sigmoid(criterion=CrossEntropy()),
        "TH-H24: SigmoidHead got CrossEntropy, which is a loss for softmax heads. "
        "Try: BinaryCrossEntropy, or the other head",
    ),
    (
        softmax(decision=Threshold()),
        "TH-H03: Threshold decides on label type 'multi', the data are 'single'. Try: Argmax() (decision=argmax)",
    ),
    (
        sigmoid(decision=Argmax()),
        "TH-H03: Argmax decides on label type 'single', the data are 'multi'. "
        "Try: TopK(k=1) (decision=top_k decision.k=1)",
    ),
    (softmax(prior=["a"]), f"TH-H20: prior=['a']; allowed one number in (0, 1), or one a class. {DATA}"),
    (softmax(prior=[0.1, 0.2]), f"TH-H20: prior of shape (2,); allowed one number or shape (3,). {DATA}"),
    (
        softmax(prior=[0.5, 0.0, 2.0]),
        "TH-H20: prior 0; allowed numbers between 0 and 1, both excluded. "
        "Try: (n + 1) / (N + 2) for n positives of N, or prior='data' (head.prior=data)",
    ),
    (
        softmax(prior=0.1, classifier=nn.Identity()),
        "TH-H21: prior=0.1 needs a bias of shape (3,), Identity has none. "
        "Try: prior=None, or set the bias where the logits are made",
    ),
    (
        softmax(prior="zero", classifier=nn.Linear(4, 2)),
        "TH-H21: prior='zero' needs a bias of shape (3,), Linear has none. "
        "Try: prior=None, or set the bias where the logits are made",
    ),
    (
        lambda: SoftmaxHead(4, 3).loss(torch.zeros(2, 4), None),
        "TH-M14: SoftmaxHead.loss got no target; allowed a tensor or LabelLists. Try: head(features)",
    ),
    (
        loss_with(math.nan, (2, 1)),
        f"TH-L01: SoftmaxHead: the loss is nan, logits of sample 2 are not finite. {TRAIN}",
    ),
    (
        loss_with(-math.inf, (1, 0)),
        f"TH-L02: SoftmaxHead: the loss is inf, logits of sample 1 are not finite. {TRAIN}",
    ),
    (overflow, f"TH-L02: SigmoidHead: the loss is inf, though every logit is finite. {TRAIN}"),
    (
        lambda: checks.readable([0.0]),
        "TH-L04: logits that are a list; allowed a tensor. Try: torch.as_tensor(logits)",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises(TorchHeadsError) as caught:
        refused()
    assert str(caught.value) == text


@pytest.mark.parametrize("ignore_index", [-(2**63), 2**63 - 1, 0, None])
def test_the_largest_marks_there_are(ignore_index):
    assert SoftmaxHead(4, 3, ignore_index=ignore_index).form.ignore_index == ignore_index


# What is said once ----------------------------------------------------------------------------------------------------

LOOKS_LIKE_IT = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])


def warnings_of(head, batches, target):
    with warnings.catch_warnings(record=True, action="always") as caught:
        for logits in batches:
            head.loss(logits, target)
    return [str(warning.message) for warning in caught if warning.category is TorchHeadsWarning]


PROBABILITIES = (
    "TH-W03: SoftmaxHead got three batches of logits that look like probabilities. "
    "Try: the outputs before softmax or sigmoid; the head applies it itself"
)


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([LOOKS_LIKE_IT] * 2, []),
        ([LOOKS_LIKE_IT] * 3, [PROBABILITIES]),
        ([LOOKS_LIKE_IT] * 9, [PROBABILITIES]),
        ([LOOKS_LIKE_IT.half()] * 3, [PROBABILITIES]),
        ([LOOKS_LIKE_IT * 0.9] * 3, []),  # does not sum to 1
        ([LOOKS_LIKE_IT - torch.tensor([0.5, -0.5, 0.0])] * 3, []),  # sums to 1, but is negative
        ([LOOKS_LIKE_IT, -LOOKS_LIKE_IT, *[LOOKS_LIKE_IT] * 5], []),  # one that does not ends the search
    ],
    ids=["two", "three", "nine", "half precision", "of another sum", "negative", "one that is none"],
)
def test_probabilities_for_logits(batches, expected):
    head = SoftmaxHead(3, 3, classifier=nn.Identity())
    assert warnings_of(head, batches, torch.tensor([0, 1])) == expected


@pytest.mark.parametrize(("logits", "said"), [(LOOKS_LIKE_IT, 1), (LOOKS_LIKE_IT * 2, 0), (torch.ones(2, 3), 1)])
def test_probabilities_of_a_sigmoid_need_not_add_up(logits, said):
    head = SigmoidHead(3, 3, classifier=nn.Identity())
    assert len(warnings_of(head, [logits] * 3, torch.zeros(2, 3))) == said


def test_a_batch_without_rows_ends_the_search():
    head = SoftmaxHead(3, 3, classifier=nn.Identity())
    head.loss(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    assert warnings_of(head, [LOOKS_LIKE_IT] * 3, torch.tensor([0, 1])) == []


@pytest.mark.parametrize(
    ("weight", "mask", "said"),
    [
        ([1.0, 0.0, 1.0], None, True),
        ([1.0, 0.0, 1.0], torch.tensor([True, False]), True),
        ([1.0, 0.0, 1.0], torch.tensor([False, False]), False),  # nothing is known, so nothing is lost
        (None, torch.tensor([False, False]), False),
        ([1.0, 1.0, 1.0], torch.tensor([False, False]), False),
    ],
)
def test_a_batch_that_teaches_nothing(weight, mask, said):
    head = SoftmaxHead(3, 3, classifier=nn.Identity(), criterion=CrossEntropy(weight))
    with warnings.catch_warnings(record=True, action="always") as caught:
        head.loss(torch.tensor([[1.0, -2.0, 3.0]] * 2), torch.tensor([1, 1]), mask)
    expected = (
        "TH-W01: SoftmaxHead: this batch costs nothing; class_weight is 0 for every class in it. "
        "Try: larger batches, or a small weight instead of 0"
    )
    assert [str(warning.message) for warning in caught] == ([expected] if said else [])


@pytest.mark.parametrize(
    ("kind", "values"), [("both", [math.nan, 0.0, math.inf]), ("none of them", [math.inf, 0.0, -math.inf])]
)
def test_nan_is_named_before_infinity(kind, values):
    with pytest.raises(NonFiniteError) as caught:
        SigmoidHead(3, 3, classifier=nn.Identity()).loss(torch.tensor([values]), torch.zeros(1, 3))
    assert caught.value.code == ("L01" if kind == "both" else "L02")


def test_a_mean_over_infinite_targets_names_the_target():
    with pytest.raises(TorchHeadsError, match="TH-M03: SigmoidHead got target value inf at sample 0, label 1"):
        SigmoidHead(4, 3).loss(torch.zeros(1, 4), torch.tensor([[0.0, math.inf, 0.0]]))


@pytest.mark.parametrize("weight", [None, [1.0, 1.0, 1.0]])
def test_a_batch_that_is_known_by_heart_is_no_reason_to_warn(weight):
    head = SoftmaxHead(3, 3, classifier=nn.Identity(), criterion=CrossEntropy(weight))
    assert warnings_of(head, [torch.tensor([[0.0, 1e4, 0.0]])], torch.tensor([1])) == []


def test_a_criterion_that_has_no_class_weight():
    class Free(Criterion):
        links = ("softmax",)

        def forward(self, logits, target, known=None):
            return logits.sum(dim=1) * 0

        def constant_logits(self, prior):
            return prior.log()

    head = SoftmaxHead(3, 3, classifier=nn.Identity(), criterion=Free())
    assert head.loss(torch.randn(2, 3), torch.tensor([0, 1])).item() == 0


@pytest.mark.parametrize("half", ["first", "second"])
def test_infinity_in_a_half_of_a_mix_is_named(half):
    bad, good = torch.tensor([[0.0, math.inf, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    target = MixedTarget(**({"first": good, "second": good} | {half: bad}), weight=0.5)
    head = SigmoidHead(3, 3, classifier=nn.Identity())
    with pytest.raises(TorchHeadsError, match="TH-M03: SigmoidHead got target value inf at sample 0, label 1"):
        checks.check_loss(head, torch.tensor(math.inf), torch.zeros(1, 3), target, None)


def test_what_a_mask_hides_is_not_to_blame_for_a_loss():
    head = SigmoidHead(3, 3, classifier=nn.Identity())
    logits, target = torch.tensor([[0.0, math.nan, 0.0]]), torch.tensor([[math.inf, 1.0, 0.0]])
    with pytest.raises(NonFiniteError, match="TH-L01: SigmoidHead: the loss is nan, logits of sample 0"):
        checks.check_loss(head, torch.tensor(math.nan), logits, target, torch.tensor([[False, True, True]]))
