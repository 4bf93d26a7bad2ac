"""Predictions chunk by chunk are those of the logits, for every rule and calibrator that allows it."""

import math

import pytest
import torch
from torch import nn

from torchheads import (
    Argmax,
    FittedThreshold,
    LabelLists,
    SigmoidHead,
    SoftmaxHead,
    Threshold,
    TopK,
    best_classes,
    predict_lists,
)
from torchheads.calibration import Platt, Temperature
from torchheads.decisions import Selective
from torchheads.errors import FitError, HeadConfigError, LogitsError
from torchheads.linear import functional

N, D, C = 9, 5, 23
CUTS = torch.linspace(0.02, 0.6, C).tolist()
RULES = {
    "argmax": Argmax,
    "argmax with rejects": lambda: Argmax(reject_below=0.3),
    "one": TopK,
    "five": lambda: TopK(k=5),
    "all": lambda: TopK(k=C),
    "five above": lambda: TopK(k=5, threshold=0.1),
    "above": lambda: Threshold(0.1),
    "above each": lambda: Threshold(CUTS),
    "everything": lambda: Threshold(0.0),
    "nothing": lambda: Threshold(1.0),
    "fitted": lambda: FittedThreshold(scope="per_class"),
    "at least two": lambda: FittedThreshold(min_labels=2),
    "at most two": lambda: FittedThreshold(max_labels=2),
    "one to three": lambda: FittedThreshold(scope="global", min_labels=1, max_labels=3),
}
HEADS = pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Chunks of sixteen classes: two of them."""
    monkeypatch.setattr(functional, "SMALLEST_CHUNK", 1)
    monkeypatch.setattr(functional, "CHUNK_BYTES", {"cpu": 1, "cuda": 1})


def made(head_class, rule, scale=1.0, bias=0.0, **options):
    """A head whose rule and calibrator are fitted, in float64, so that no score lies on a cut by rounding."""
    head = head_class(D, C, label_type=rule.label_type, decision=rule, prior="zero", **options).double()
    nn.init.normal_(head.classifier.weight, std=scale)
    if bias:
        nn.init.normal_(head.classifier.bias, std=bias)
    logits, target = head(torch.randn(60, D).double()).detach(), torch.rand(60, C) < 0.2
    head.fit_held_out(logits, target.byte().argmax(dim=1) if rule.label_type == "single" else target)
    return head


def dense_lists(head, features):
    """As `head.predict`, a row at a time."""
    answers = head.predict(head(features)).tolist()
    if head.label_type == "single":
        return [[answer] if answer >= 0 else [] for answer in answers]
    return [[c for c, chosen in enumerate(row) if chosen] for row in answers]


@HEADS
@pytest.mark.parametrize("scale", [0.3, 3.0])
@pytest.mark.parametrize("make", RULES.values(), ids=RULES)
def test_every_rule_says_what_it_says_of_all_logits(head_class, make, scale):
    head, features = made(head_class, make(), scale, bias=1.0), torch.randn(N, D).double()
    found = predict_lists(head, features)
    assert isinstance(found, LabelLists)
    assert found.num_classes == C
    assert found.tolist() == dense_lists(head, features)


@HEADS
@pytest.mark.parametrize("make", [lambda: TopK(k=5, threshold=0.1), lambda: Threshold(0.1)])
def test_temperatures_and_raw_scores(head_class, make):
    features = torch.randn(N, D).double()
    for options in ({"calibrator": Temperature()}, {"score": "logit"}):
        head = made(head_class, make(), **options)
        assert predict_lists(head, features).tolist() == dense_lists(head, features)
    per_class = made(SigmoidHead, make(), calibrator=Temperature(per_class=True))
    assert predict_lists(per_class, features).tolist() == dense_lists(per_class, features)


@HEADS
def test_the_best_classes_and_their_scores(head_class):
    head, features = made(head_class, TopK(), scale=3.0, calibrator=Temperature()), torch.randn(N, D).double()
    scores, indices = best_classes(head, features, 4)
    expected = head.scores(head(features)).topk(4)
    torch.testing.assert_close(scores, expected.values)
    assert torch.equal(indices, expected.indices)
    assert not scores.requires_grad


def test_scores_where_the_softmax_is_one():
    head = SoftmaxHead(1, 3, label_type="multi", prior="zero", decision=Threshold(99.0, space="logit"))
    head.classifier.weight.data = torch.tensor([[0.0], [1.0], [0.0]])
    scores, _ = best_classes(head, torch.full((1, 1), 100.0), 2)  # 100 - ln 2, though 1 - p is 7e-44
    torch.testing.assert_close(scores, torch.tensor([[100 - math.log(2), -100.0]]))
    assert predict_lists(head, torch.full((1, 1), 100.0)).tolist() == [[1]]


@pytest.mark.parametrize("rule", [Threshold(0.5), TopK(k=3, threshold=0.5)])
def test_a_score_on_a_cut_that_was_named_is_a_yes(rule):
    head = SigmoidHead(1, C, decision=rule, prior="zero")  # every score is 0
    assert predict_lists(head, torch.zeros(2, 1)).tolist() == dense_lists(head, torch.zeros(2, 1)) != [[], []]


@pytest.mark.parametrize("limits", [{}, {"min_labels": 1}, {"max_labels": 2}])
def test_a_score_on_its_cut_is_a_yes(limits):
    rule = FittedThreshold(scope="global", **limits)
    head = SigmoidHead(1, C, decision=rule, prior="zero")  # every score is 0
    rule.fit(torch.tensor([[0.0] * C, [-1.0] * C]), torch.tensor([[True] * C, [False] * C]))
    rule.cut.zero_()
    assert head.predict(head(torch.zeros(2, 1))).sum(dim=1).tolist() == [limits.get("max_labels", C)] * 2
    assert predict_lists(head, torch.zeros(2, 1)).tolist() == dense_lists(head, torch.zeros(2, 1))


@HEADS
def test_no_rows(head_class):
    for make in (TopK, lambda: Threshold(0.1)):
        assert len(predict_lists(made(head_class, make()), torch.zeros(0, D).double())) == 0


def test_a_head_that_keeps_no_logits(monkeypatch):
    head = made(SoftmaxHead, Threshold(0.1))
    monkeypatch.setattr(head.classifier, "forward", lambda *_: pytest.fail("all logits were made"))
    predict_lists(head, torch.randn(N, D).double())


REFUSED = {
    "decision": (
        {"decision": Selective(rule=Threshold())},
        (N, D),
        "the decision Selective; allowed Argmax, TopK",
    ),
    "calibrator": ({"calibrator": Platt()}, (N, D), "the calibrator Platt; allowed Identity, Temperature"),
    "classifier": ({"classifier": nn.Sequential(nn.Linear(D, C))}, (N, D), "a Sequential with hooks or weights of its"),
    "spatial": ({}, (N, D, 2), r"spatial features; allowed a tensor of shape \(N, D\)"),
}


@pytest.mark.parametrize(("options", "shape", "text"), REFUSED.values(), ids=REFUSED)
def test_what_needs_all_classes_at_once_is_named(options, shape, text):
    with pytest.raises(HeadConfigError, match=f"TH-H28: predictions over chunks of classes with {text}.*Try: "):
        predict_lists(SigmoidHead(D, C, **options), torch.zeros(shape))


class OwnScores(SigmoidHead):
    def score_rows(self, logits):
        return -logits


def test_scores_of_its_own_are_refused():
    with pytest.raises(HeadConfigError, match=r"TH-H28: .* with a OwnScores, whose scores are its own"):
        best_classes(OwnScores(D, C), torch.zeros(N, D), 1)


def test_what_is_not_fitted_is_refused():
    with pytest.raises(FitError, match="TH-F01: FittedThreshold was not fitted yet"):
        predict_lists(SigmoidHead(D, C, decision=FittedThreshold()), torch.zeros(N, D))
    with pytest.raises(FitError, match="TH-F01: Temperature was not fitted yet"):
        predict_lists(SigmoidHead(D, C, calibrator=Temperature()), torch.zeros(N, D))


def test_features_that_do_not_fit():
    with pytest.raises(HeadConfigError, match="TH-L03"):
        predict_lists(SigmoidHead(D, C), torch.zeros(N, D + 1))
    with pytest.raises(LogitsError, match="TH-L04"):
        predict_lists(SigmoidHead(D, C), torch.zeros(N, D).double())
    with pytest.raises(HeadConfigError, match="TH-H03: the best k=24 of 23 classes"):
        best_classes(SigmoidHead(D, C), torch.zeros(N, D), C + 1)
