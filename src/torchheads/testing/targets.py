"""Checks of what a target can be: masked, ignored, mixed, soft, lists, any dtype.

n examples, c classes.
"""

import torch
from torch import Tensor, nn

from torchheads.targets import LabelLists, MixedTarget, Target
from torchheads.testing.base import HeadCase, check, multi, several_classes, slopes
from torchheads.testing.functional import on_error, require, require_close, require_same_answers

KEPT = (True, False, True, True, False, True)
KNOWN = "multiply nothing by the mask: `values.where(known, 0)`, and divide by head.count"


def kept(case: HeadCase) -> tuple[Tensor, Tensor]:
    """Which of six examples are kept, shape (6,), and the mask that says so to a head."""
    rows = torch.tensor(KEPT)
    return rows, case.mask(rows)


@check()
def masking_is_dropping(case: HeadCase) -> None:
    """Masked examples leave loss and gradient as if they were not in the batch."""
    head, features, target = case.head(), case.features().requires_grad_(), case.target()
    rows, mask = kept(case)
    found, expected = head.loss(features, target, mask), head.loss(features[rows], target[rows])
    require_close("the loss", found, expected, KNOWN)
    require_same_answers(slopes(found, head, features), slopes(expected, head, features), KNOWN)


@check()
def what_is_masked_may_be_anything(case: HeadCase) -> None:
    """NaN logits and impossible targets under a mask spoil neither the loss nor the gradient."""
    head, logits, target = case.head(), case.logits(), case.target()
    rows, mask = kept(case)
    expected = head.loss_from_logits(logits[rows], target[rows])
    logits[~rows], target[~rows] = float("nan"), 99
    logits.requires_grad_()
    found = head.loss_from_logits(logits, target, mask)
    require_close("the loss", found, expected, KNOWN)
    (slope,) = torch.autograd.grad(found, logits)
    require(bool(slope.isfinite().all()), "a gradient that is NaN where masked", "mask the logits before the loss")
    require(not slope[~rows].any(), "a gradient that is not 0 where masked", KNOWN)


@check(lambda case: multi(case) and several_classes(case))
def masked_entries_leave_the_sum_over_classes(case: HeadCase) -> None:
    """A masked entry of a label set has no influence on the loss, whatever the target says there."""
    head, logits, target = case.head(), case.logits(), case.target()
    mask = torch.ones(target.shape, dtype=torch.bool)
    mask[:, 1] = False
    other, other_logits = target.clone(), logits.clone()
    other[:, 1], other_logits[:, 1] = 1 - target[:, 1], 3 - logits[:, 1]
    found, expected = head.loss_from_logits(other_logits, other, mask), head.loss_from_logits(logits, target, mask)
    require_close("the loss", found, expected, KNOWN)
    without = head.loss_from_logits(logits, target)
    require(not torch.isclose(found, without).item(), "the loss without a mask", KNOWN)


@check()
def ignoring_is_masking(case: HeadCase) -> None:
    """``ignore_index`` in a target does what a mask does in the same places, for loss and count."""
    head, ignoring = case.head(), case.head(ignore_index=-1)
    logits, target = case.logits(), case.target()
    _, mask = kept(case)
    marked, remedy = target.masked_fill(~mask, -1), "hand ignore_index to ClassificationHead.__init__"
    expected = head.loss_from_logits(logits, target, mask)
    with on_error(remedy):
        require_close("the loss", ignoring.loss_from_logits(logits, marked), expected, remedy)
    count = int(ignoring.count(marked))
    require(count == sum(KEPT), f"a count of {count}, expected {sum(KEPT)}", remedy)


@check()
def nothing_known_is_zero(case: HeadCase) -> None:
    """Where nothing is known, the loss is 0 and its gradient 0, never NaN."""
    head, features = case.head(ignore_index=-1), case.features().requires_grad_()
    target, remedy = case.target(), "divide by the count where it is above 0, else by 1"
    masked = head.loss(features, target, torch.zeros(target.shape, dtype=torch.bool))
    ignored = head.loss(features, torch.full_like(target, -1))
    for how, loss in {"masked": masked, "ignored": ignored, "empty": head.loss(features[:0], target[:0])}.items():
        require(loss.item() == 0, f"a loss of {loss.item()} where everything is {how}", remedy)
        for name, slope in slopes(loss, head, features).items():
            require(bool((slope == 0).all()), f"{name} is not 0 where everything is {how}", remedy)


@check(multi)
def empty_label_sets_count(case: HeadCase) -> None:
    """An example without any label counts in the mean."""
    head, logits, target = case.head(), case.logits(), case.target()
    target[3:] = 0
    singles = [head.loss_from_logits(logits[n : n + 1], target[n : n + 1]) for n in range(6)]
    found, remedy = head.loss_from_logits(logits, target), "divide by the number of known examples, labels or not"
    require_close("the loss", found, torch.stack(singles).mean(), remedy)
    require(int(head.count(target)) == 6, f"a count of {head.count(target)}, expected 6", remedy)


@check()
def mixed_targets_mix_losses(case: HeadCase) -> None:
    """The loss of a ``MixedTarget`` is the mix of the losses of its two targets, by one share or one an example."""
    head, logits, first, second = case.head(), case.logits(), case.target(), case.target(seed=4)
    shares, remedy = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 0.3]), "leave MixedTarget to ClassificationHead"
    values = [head.row_losses(logits, target).values for target in (first, second)]
    for share in (torch.tensor(0.3), shares):
        found = head.loss_from_logits(logits, MixedTarget(first, second, share))
        require_close("the loss", found, (share * values[0] + (1 - share) * values[1]).mean(), remedy)


@check(multi)
def lists_are_label_sets(case: HeadCase) -> None:
    """``LabelLists`` give loss, nll and count of the multi-hot that they stand for."""
    head, logits, target = case.head(), case.logits(), case.target()
    lists, remedy = LabelLists.from_multi_hot(target), "read targets through self.form, or in the criterion"
    require_close("the loss", head.loss_from_logits(logits, lists), head.loss_from_logits(logits, target), remedy)
    require_close("the nll", head.nll(logits, lists), head.nll(logits, target), remedy)
    require(int(head.count(lists)) == 6, f"a count of {head.count(lists)}, expected 6", remedy)


@check()
def the_dtype_of_a_target_does_not_matter(case: HeadCase) -> None:
    """The same target as integers of another width (label sets also as bool or float) has the same loss."""
    head, logits, target = case.head(), case.logits(), case.target()
    integers = (torch.uint8, torch.int8, torch.int32, torch.int64)
    dtypes = [dtype for dtype in integers if not case.single or torch.iinfo(dtype).max >= case.num_classes]
    dtypes += [] if case.single else [torch.bool, torch.float16, torch.float64]
    expected = head.loss_from_logits(logits, target)
    for dtype in dtypes:
        with on_error("cast targets in criterion_target"):
            found = head.loss_from_logits(logits, target.to(dtype))
        require_close(f"the loss of a {dtype} target", found, expected, "cast targets in criterion_target")


@check()
def soft_targets_contain_hard_ones(case: HeadCase) -> None:
    """With ``soft_targets=True`` a hard target, written as a distribution or as soft labels, costs what it cost."""
    head, soft = case.head(), case.head(soft_targets=True)
    logits, target = case.logits(), case.target()
    hot = nn.functional.one_hot(target, case.num_classes).float() if case.single else target
    remedy = "hand soft_targets to ClassificationHead.__init__"
    between: Target = 0.9 * hot + (0.1 / case.num_classes if case.single else 0)
    with on_error(remedy):
        found, loss = soft.loss_from_logits(logits, hot), soft.loss_from_logits(logits, between)
    require_close("the loss", found, head.loss_from_logits(logits, target), remedy)
    require(bool(loss.isfinite()), f"a loss of {loss.item()} for soft targets", remedy)


@check()
def nll_is_that_of_the_probabilities(case: HeadCase) -> None:
    """The nll of an example is -log of the probability that the head gives to what is true."""
    head, logits, target = case.head(), case.logits(), case.target()
    p = head.probabilities(logits).double()
    hot = nn.functional.one_hot(target, case.num_classes).double() if case.single else target.double()
    if case.softmax:
        expected = -(hot / hot.sum(dim=1, keepdim=True).clamp(min=1) * p.log()).sum(dim=1)
    else:
        expected = -(hot * p.log() + (1 - hot) * (-p).log1p()).sum(dim=1)
    remedy = "name the log loss of the link as natural_criterion"
    require_close("the nll", head.nll(logits, target), expected, remedy, rtol=1e-3, atol=1e-4)
