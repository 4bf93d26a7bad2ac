"""Every option, part and number a head refuses, with its code and remedy."""

import math

import pytest
import torch
from torch import nn

from torchheads import Argmax, BinaryCrossEntropy, CrossEntropy, SigmoidHead, SoftmaxHead, Threshold, TopK
from torchheads.decisions import FittedThreshold
from torchheads.errors import HeadConfigError, NonFiniteError
from torchheads.heads import checks

BOTH = pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])

OPTIONS = {
    "H01: no features": ({"in_features": 0}, "H01", "got in_features=0; allowed whole numbers >= 1. Try: in_features="),
    "H01: a fraction": ({"num_classes": 2.5}, "H01", r"got num_classes=2\.5; allowed whole numbers"),
    "H01: a bool": ({"num_classes": True}, "H01", "got num_classes=True"),
    "H01: no class": ({"num_classes": 0}, "H01", "got num_classes=0"),
    "H01: one class": ({"num_classes": 1, "label_type": "single"}, "H01", r"allowed >= 2\. Try: SigmoidHead\(in_fe"),
    "H22: a label type": ({"label_type": "both"}, "H22", "label_type='both'; allowed 'single' .* Try: label_type='"),
    "H23: a score": ({"score": "odds"}, "H23", "score='odds'; allowed 'log_odds', 'logit'. Try: score='log_odds'"),
    "D07: too few names": ({"class_names": ["a", "b"]}, "D07", "2 distinct class names for 3 classes"),
    "D07: a name twice": ({"class_names": ["a", "b", "a"]}, "D07", "2 distinct class names for 3 classes"),
    "D07: a word": ({"class_names": "abc"}, "D07", "class_names='abc'; allowed a list of names"),
    "D07: a number": ({"class_names": 3}, "D07", "class_names=3; allowed a list of names"),
    "D07: an empty name": ({"class_names": ["a", "", "b"]}, "D07", "none of them empty. Try: class_names="),
    "D07: numbers for names": ({"class_names": [0, 1, 2]}, "D07", "allowed a list of names"),
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
    "D07: no names": ({"class_names": []}, "D07", "0 distinct class names for 3 classes"),
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
    torch.func.vmap(lambda row: (readable_inside.append(checks.readable(row)), row)[1])(torch.zeros(2, 2))
    assert readable_inside == [False]


readable_inside: list[bool] = []


# Priors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", [0.25, [0.25] * 3, torch.tensor(0.25), torch.full((3,), 0.25)])
def test_a_prior_is_one_number_or_one_a_class(prior):
    values = checks.check_prior(prior, 3)
    assert values.dtype == torch.float64
    assert values.tolist() == [0.25] * 3


def test_the_bias_is_found():
    head = SigmoidHead(4, 3, classifier=nn.Conv2d(4, 3, 1))
    assert checks.find_bias(head) is head.classifier.bias
