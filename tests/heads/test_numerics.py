"""Loss, gradients and scores of both heads on extreme logits, against scipy in float64.

An ulp is the distance between neighbouring float32 numbers at the size of the true value. Where a true value lies below
a floor, the distance is taken at the floor: a softmax's log-probability and a score are differences of numbers of the
size of one nat, so 4 ulp of 1 (4.8e-7) is what float32 can promise of those near 0. A sigmoid's rows have no floor.
"""

import itertools
import math

import numpy as np
import pytest
import scipy.special
import torch
from torch import nn

from torchheads import (
    BinaryCrossEntropy,
    CrossEntropy,
    SigmoidHead,
    SoftmaxHead,
    Threshold,
)
from torchheads.decisions.functional.answers import logit
from torchheads.errors import NonFiniteError
from torchheads.links import log_odds

SIZES = [1e-8, 1.0, 16.7, 17.0, 37.0, 88.0, 89.0, 104.0, 745.0, 6.5e4, 3e38]
GRID = [0.0, *(sign * size for size in SIZES for sign in (1, -1))]
HALVES = [torch.float16, torch.bfloat16]
DTYPES = [*HALVES, torch.float32, torch.float64]
C, SMOOTHING = 3, 0.1
MARGIN = 50  # so close to float32's largest number a weighted sum on the way may be infinite: refused, not wrong
WEIGHT, POSITIVE = [0.5, 1.0, 3.0], [2.0, 0.25, 7.0]
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = 8 * float(np.finfo(np.float32).tiny)  # below it float32 has fewer and fewer digits
CRITERIA = {
    SoftmaxHead: {
        "plain": {},
        "class_weight": {"class_weight": WEIGHT},
        "label_smoothing": {"label_smoothing": SMOOTHING},
        "both": {"class_weight": WEIGHT, "label_smoothing": SMOOTHING},
    },
    SigmoidHead: {
        "plain": {},
        "class_weight": {"class_weight": WEIGHT},
        "pos_weight": {"pos_weight": POSITIVE},
        "label_smoothing": {"label_smoothing": SMOOTHING},
        "mean": {"class_reduction": "mean"},
        "all": {
            "class_weight": WEIGHT,
            "pos_weight": POSITIVE,
            "label_smoothing": SMOOTHING,
            "class_reduction": "mean",
        },
    },
}
LINKS = {SoftmaxHead: CrossEntropy, SigmoidHead: BinaryCrossEntropy}
CASES = [
    pytest.param(head, label_type, options, id=f"{head.__name__}-{label_type}-{name}")
    for head in CRITERIA
    for label_type in ("single", "multi")
    for name, options in CRITERIA[head].items()
]
every_case = pytest.mark.parametrize(("head_class", "label_type", "options"), CASES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def ulps(got, true, floor=0.0):
    """How many float32 numbers lie between each value and the true one; 0 where both are the same infinity."""
    got, true = np.asarray(got, dtype=np.float64), np.asarray(true, dtype=np.float64)
    size = np.clip(np.abs(true), max(floor, SMALLEST), LARGEST)
    with np.errstate(invalid="ignore"):
        return np.where(got == true, 0, np.abs(got - true) / np.exp2(np.floor(np.log2(size)) - 23))


def test_the_ruler():
    one, next_one = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    assert ulps([one, next_one, math.inf], [1.0, 1.0, math.inf]).tolist() == [0, 1, 0]
    assert ulps([0.0], [2.0**-23], floor=1).tolist() == [1]
    assert np.isinf(ulps([math.inf], [1.0])).all()
    assert np.isnan(ulps([math.nan], [1.0])).all()


def grid_rows(dtype, columns=C):
    """Every row of grid values that the dtype can hold."""
    values = torch.tensor(GRID, dtype=torch.float64).to(dtype)
    values = values[values.isfinite()].unique()
    return torch.cartesian_prod(*[values] * columns)


def all_targets(label_type):
    """Every target of three classes."""
    if label_type == "single":
        return torch.arange(C)
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=C)))


def build(head_class, label_type, options, **more):
    criterion = LINKS[head_class](**options)
    return head_class(C, C, label_type=label_type, criterion=criterion, classifier=nn.Identity(), **more)


def true_log_p(logits):
    """log softmax(z)_c in float64 as -log(1 + sum_{j != c} exp(z_j - z_c)), which keeps the digits next to 0."""
    columns = range(logits.shape[1])
    others = [scipy.special.logsumexp(np.delete(logits, c, 1) - logits[:, c : c + 1], axis=1) for c in columns]
    return -np.logaddexp(0, np.stack(others, axis=1))


def true_entries(head_class, logits, target, options, dtype):
    """Loss of each entry and its gradient as each head's formula has them, in float64, for targets (m, c)."""
    weight, e = np.array(options.get("class_weight", [1.0] * C)), options.get("label_smoothing", 0.0)
    if head_class is SoftmaxHead:
        count = target.sum(axis=1, keepdims=True)
        share = weight * ((1 - e) * target / np.maximum(count, 1) + e / C * (count > 0))
        log_p = true_log_p(logits)
        if dtype != torch.float64:
            log_p[log_p < -LARGEST] = -np.inf
        slopes = np.exp(log_p) * share.sum(axis=1, keepdims=True) - share
        return -share * np.where(share > 0, log_p, 0), slopes
    positive = np.array(options.get("pos_weight", [1.0] * C)) * ((1 - e) * target + e / 2)
    negative = (1 - e) * (1 - target) + e / 2
    weight = weight / (C if options.get("class_reduction") == "mean" else 1)
    losses = -positive * scipy.special.log_expit(logits) - negative * scipy.special.log_expit(-logits)
    slopes = negative * scipy.special.expit(logits) - positive * scipy.special.expit(-logits)
    return weight * losses, weight * slopes


def hot(label_type, target, count):
    """A target as (count, c) in float64."""
    values = np.eye(C)[target] if label_type == "single" else target.numpy().astype(np.float64)
    return np.broadcast_to(values, (count, C))


@every_dtype
@every_case
def test_losses_and_gradients_on_the_grid(head_class, label_type, options, dtype):
    head, logits = build(head_class, label_type, options), grid_rows(dtype).requires_grad_()
    exact = logits.detach().double().numpy()
    floor = 1.0 if head_class is SoftmaxHead else 0.0
    for target in all_targets(label_type):
        losses = head.row_losses(logits, target.expand(len(logits), *target.shape), None).values
        entries, slopes = true_entries(head_class, exact, hot(label_type, target, len(logits)), options, dtype)
        true = entries.sum(axis=1)
        far_out = (true > LARGEST / MARGIN) & losses.detach().isinf().numpy() & (dtype != torch.float64)
        true[far_out] = np.inf
        assert losses.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert ulps(losses.detach(), true, floor).max() <= 4
        (gradient,) = torch.autograd.grad(losses.sum(), logits)
        assert gradient.isfinite().all()
        step = max(torch.finfo(dtype).eps, 2.0**-23)  # of half-precision logits the gradient is half-precision too
        nearest = np.maximum(np.abs(slopes), 1.0)
        assert (np.abs(gradient.double().numpy() - slopes) <= 4 * step * nearest).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("copies", [1, 3])
@every_case
def test_the_loss_of_a_batch_on_the_grid(head_class, label_type, options, copies, dtype):
    head, logits = build(head_class, label_type, options), grid_rows(dtype)[::29].requires_grad_()
    exact = logits.detach().double().numpy()
    floor = 1.0 if head_class is SoftmaxHead else 0.0
    for target in all_targets(label_type):
        entries, slopes = true_entries(head_class, exact, hot(label_type, target, len(logits)), options, dtype)
        true = entries.sum(axis=1)
        good = true < LARGEST / MARGIN / copies
        for i in np.flatnonzero(good):
            row = logits[i].expand(copies, C)
            loss = head.loss(row, target.expand(copies, *target.shape))
            assert loss.dtype == dtype
            assert ulps(loss.item(), true[i], floor) <= 4
            (gradient,) = torch.autograd.grad(loss, logits)
            assert gradient.isfinite().all()
            nearest = np.maximum(np.abs(slopes[i]), 1.0)
            assert (np.abs(gradient[i].double().numpy() - slopes[i]) <= 4 * 2.0**-23 * nearest).all()


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0])
@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (32, 2), (33, 10), (64, 10), (256, 20), (128, 127), (16, 1000)])
@pytest.mark.parametrize("options", [{}, {"pos_weight": 3.0}, {"class_weight": 0.3}], ids=str)
def test_the_loss_of_a_batch_of_random_label_sets(rows, classes, scale, options):
    logits, target = scale * torch.randn(rows, classes), (torch.rand(rows, classes) < 0.3).float()
    head = SigmoidHead(1, classes, classifier=nn.Identity(), criterion=BinaryCrossEntropy(**options))
    signed, hot = (2 * target - 1).double().numpy() * logits.double().numpy(), target.numpy()
    weight = np.where(hot > 0, np.float32(options.get("pos_weight", 1)), 1) * np.float32(options.get("class_weight", 1))
    true = -(weight * scipy.special.log_expit(signed)).sum(axis=1).mean()
    assert ulps(head.loss_from_logits(logits, target).item(), true) <= 4


@every_dtype
@every_case
def test_what_is_ignored_has_no_part_in_it(head_class, label_type, options, dtype):
    head, logits = build(head_class, label_type, options, ignore_index=-1), grid_rows(dtype)[::7].clone()
    target = all_targets(label_type)[torch.arange(len(logits)) % len(all_targets(label_type))].clone()
    wanted = head.row_losses(logits, target).values
    dropped = torch.arange(len(logits)) % 3 == 0
    target[dropped] = -1
    logits[dropped] = math.nan
    got, weight = head.row_losses(logits.requires_grad_(), target)
    assert torch.equal(got, wanted.where(~dropped, 0))
    assert torch.equal(weight, (~dropped).to(weight.dtype))
    (gradient,) = torch.autograd.grad(got.sum(), logits)
    assert not gradient[dropped].any()
    assert gradient.isfinite().all()


# What is not finite ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "code"), [(math.nan, "L01"), (math.inf, "L02"), (-math.inf, "L02")])
@every_dtype
@every_case
def test_logits_that_are_not_finite_are_refused(head_class, label_type, options, dtype, value, code):
    head, logits = build(head_class, label_type, options), torch.zeros(4, C, dtype=dtype)
    logits[2, 1] = value
    target = torch.ones(4, dtype=torch.long) if label_type == "single" else torch.tensor([[0.0, 1.0, 0.0]]).repeat(4, 1)
    with pytest.raises(NonFiniteError, match=f"TH-{code}: {head_class.__name__}.*logits of sample 2 are not finite"):
        head.loss(logits, target)


@every_dtype
@pytest.mark.parametrize("label_type", ["single", "multi"])
@pytest.mark.parametrize("options", CRITERIA[SoftmaxHead].values(), ids=CRITERIA[SoftmaxHead].keys())
def test_a_class_ruled_out_by_minus_infinity_leaves_the_softmax(label_type, options, dtype):
    kept = [0, 2]
    head = build(SoftmaxHead, label_type, options)
    small = SoftmaxHead(2, 2, label_type=label_type, classifier=nn.Identity())
    small.criterion = CrossEntropy(**{**options, **({"class_weight": [0.5, 3.0]} if "class_weight" in options else {})})
    few = grid_rows(dtype, columns=2)
    few = few[(few.abs() < 1e30).all(dim=1)].requires_grad_()  # whose sum over rows is finite
    logits = torch.full((len(few), C), -math.inf, dtype=dtype)
    logits[:, kept] = few.detach()
    logits.requires_grad_()
    for answer in (0, 1):
        if label_type == "single":
            target, few_target = torch.full((len(few),), kept[answer]), torch.full((len(few),), answer)
        else:
            few_target = torch.eye(2)[answer].expand(len(few), 2)
            target = torch.zeros(len(few), C)
            target[:, kept] = few_target
        loss, wanted = head.loss(logits, target), small.loss(few, few_target)
        torch.testing.assert_close(loss, wanted, rtol=1e-6, atol=0)
        (gradient,), (few_gradient,) = torch.autograd.grad(loss, logits), torch.autograd.grad(wanted, few)
        assert not gradient[:, 1].any()
        torch.testing.assert_close(gradient[:, kept], few_gradient)


def test_a_class_ruled_out_has_no_probability_and_the_lowest_score():
    head = build(SoftmaxHead, "single", {})
    logits = torch.tensor([[1.0, -math.inf, 3.0]])
    assert head.probabilities(logits)[0, 1] == 0
    assert head.scores(logits)[0].tolist() == [pytest.approx(-2), -math.inf, pytest.approx(2)]
    assert head.predict(logits).item() == 2


# Probabilities, scores ------------------------------------------------------------------------------------------------


def true_log_odds(logits):
    """z_c - log sum_{j != c} exp(z_j), by differences, in float64."""
    columns = range(logits.shape[1])
    return -np.stack(
        [scipy.special.logsumexp(np.delete(logits, c, 1) - logits[:, c : c + 1], axis=1) for c in columns], axis=1
    )


def near_rows(classes, spread, count=400):
    """Rows whose logits lie close together and far from 0, where a sum of exponentials loses digits first."""
    centres = torch.tensor(GRID)[:-2][torch.randint(0, len(GRID) - 2, (count, 1))]
    return centres + spread * torch.randn(count, classes)


ROWS = {
    "pairs": lambda: grid_rows(torch.float32, 2),
    "triples": lambda: grid_rows(torch.float32),
    "close together": lambda: near_rows(4, 1.0),
    "further apart": lambda: near_rows(6, 20.0),
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_scores_of_a_softmax_are_the_log_odds(rows):
    logits = rows()
    true = true_log_odds(logits.double().numpy())
    true = np.where(np.abs(true) > LARGEST, np.copysign(np.inf, true), true)
    assert ulps(log_odds(logits), true, floor=1.0).max() <= 4


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_scores_do_not_saturate_and_keep_the_order(rows):
    logits = rows()
    scores = log_odds(logits)
    ranked = logits.argsort(dim=1)
    assert (scores.gather(1, ranked).diff(dim=1).nan_to_num(0) >= 0).all()  # inf - inf where both are out of range
    top = logits.topk(2, dim=1).values.double()
    lead, score = (top[:, 0] - top[:, 1]).numpy(), scores.amax(dim=1).double().numpy()
    clear = (lead > 40) & (lead < LARGEST)  # where the probability has long been 1
    assert ulps(score, np.where(logits.shape[1] == 2, lead, score))[clear].max(initial=0) <= 1
    assert (np.abs(score - lead)[clear] <= math.log(logits.shape[1] - 1) + lead[clear] * 2.0**-22).all()


@every_dtype
def test_scores_of_a_sigmoid_are_its_logits(dtype):
    logits = grid_rows(dtype)
    assert torch.equal(
        build(SigmoidHead, "multi", {}).scores(logits), logits.to(torch.promote_types(dtype, torch.float))
    )


@every_dtype
@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_probabilities_are_scipys(head_class, dtype):
    logits = grid_rows(dtype)
    exact = logits.double().numpy()
    true = np.exp(true_log_p(exact)) if head_class is SoftmaxHead else scipy.special.expit(exact)
    probabilities = build(head_class, head_class.natural_label_type, {}).probabilities(logits).double().numpy()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    # exp turns the rounding of a difference d, up to d / 2 ulp, into as much of the probability
    allowed = 4 * 2.0**-23 * true * (1 + np.abs(np.log(np.maximum(true, SMALLEST)))) + SMALLEST
    assert (np.abs(probabilities - true) <= allowed).all()


# Sums -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_many_classes_and_many_labels(head_class):
    classes, labels = 100_000, 10_000
    logits = torch.full((2, classes), -math.log(classes - 1)) + torch.tensor([[0.0], [2.0]])
    target = torch.zeros(2, classes)
    target[0, 0], target[1, :labels] = 1, 1
    head = head_class(1, classes, label_type="multi", classifier=nn.Identity())
    exact, y = logits.double().numpy(), target.numpy().astype(np.float64)
    if head_class is SoftmaxHead:
        true = np.array([math.log(classes)] * 2)
    else:
        true = -(y * scipy.special.log_expit(exact) + (1 - y) * scipy.special.log_expit(-exact)).sum(axis=1)
    assert ulps(head.row_losses(logits, target).values, true).max() <= 16  # a sum of 100,000 terms
    assert ulps([head.loss_from_logits(logits, target).item()], [true.mean()]).max() <= 4


@pytest.mark.parametrize("label_type", ["single", "multi"])
@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_large_half_precision_logits_of_many_rows_do_not_overflow(head_class, label_type):
    rows = 4096
    logits = torch.full((rows, C), -6.5e4, dtype=torch.float16)
    logits[:, 0] = 6.5e4
    head = build(head_class, label_type, {})
    target = torch.full((rows,), 1) if label_type == "single" else torch.tensor([0.0, 1.0, 1.0]).expand(rows, C)
    exact = logits.double()
    loss = head.loss(logits, target)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(head.loss(exact, target.to(target.dtype)).item(), rel=1e-6)
    assert loss.item() > torch.finfo(torch.float16).max
    assert head.row_losses(logits, target).values.sum().isfinite()


# Ties and equality ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
@every_dtype
def test_ties_go_to_the_lowest_index(head_class, dtype):
    head = head_class(1, 7, label_type="single", classifier=nn.Identity())
    logits = torch.randint(-1, 2, (1000, 7)).to(dtype) * 37
    first = [row.index(max(row)) for row in logits.tolist()]
    assert max(row.count(max(row)) for row in logits.tolist()) > 1
    assert head.predict(logits).tolist() == first
    assert not head.predict(torch.full((1000, 7), 16.7, dtype=dtype)).any()


PROBABILITIES = [1e-9, 1e-6, 0.001, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.999, 1 - 1e-6]


@pytest.mark.parametrize("t", PROBABILITIES)
def test_a_score_equal_to_the_threshold_is_positive(t):
    cut = np.float32(logit(t))
    logits = torch.from_numpy(
        np.stack([cut, np.nextafter(cut, np.float32(-np.inf)), np.nextafter(cut, np.float32(np.inf))])
    )
    head = SigmoidHead(1, 1, decision=Threshold(t), classifier=nn.Identity())
    assert head.predict(logits[:, None]).flatten().tolist() == [True, False, True]


@pytest.mark.parametrize("z", GRID)
def test_a_logit_equal_to_the_threshold_is_positive(z):
    cut = np.float32(z)
    below, over = np.nextafter(cut, np.float32(-np.inf)), np.nextafter(cut, np.float32(np.inf))
    head = SigmoidHead(1, 1, decision=Threshold(z, space="logit"), classifier=nn.Identity())
    logits = torch.tensor([[cut], [below], [over]])
    assert head.predict(logits).flatten().tolist() == [True, False, True]


@pytest.mark.parametrize("label_type", ["multi"])
@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_thresholds_zero_and_one(head_class, label_type):
    logits = grid_rows(torch.float32)
    logits = logits[(logits.amax(dim=1) - logits.amin(dim=1)) < LARGEST]
    for value, answer in ((0.0, True), (1.0, False)):
        head = head_class(1, C, label_type=label_type, decision=Threshold(value), classifier=nn.Identity())
        assert (head.predict(logits) == answer).all()
