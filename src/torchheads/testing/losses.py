"""Checks of the loss as a mean over examples: order, parts, classes and hooks.

n examples, c classes.
"""

import torch
from torch import Tensor, nn

from torchheads.testing.base import HeadCase, check, has_linear_classifier, has_parameters, slopes
from torchheads.testing.functional import require, require_close, require_same_answers

MEAN = "sum over classes, and let ClassificationHead take the mean over examples"


@check()
def loss_of_features_is_the_loss_of_their_logits(case: HeadCase) -> None:
    """``head.loss(features)``, ``head.loss_from_logits(head(features))`` and ``head(features, target=...)`` are one."""
    head, features, target = case.head(), case.features(), case.target()
    expected = head.loss_from_logits(head(features), target)
    remedy = "change the loss in the criterion, not in loss or forward"
    require_close("head.loss", head.loss(features, target), expected, remedy)
    require_close("head(features, target=...)", head(features, target=target), expected, remedy)


@check()
def loss_goes_through_the_head(case: HeadCase) -> None:
    """``head.loss`` calls the head itself, so that hooks, compilation and wrappers see it."""
    head, seen = case.head(), []
    handle = head.register_forward_hook(lambda *_: seen.append(1))
    head.loss(case.features(), case.target())
    handle.remove()
    require(len(seen) == 1, f"a forward hook that was called {len(seen)} times", "self(features, target=target)")


@check()
def loss_is_the_mean_over_its_parts(case: HeadCase) -> None:
    """A batch cut into parts gives the same loss, each part weighted by ``head.count`` of what is known in it."""
    head, logits, target = case.head(), case.logits(), case.target()
    mask = case.mask(torch.tensor([True, True, False, True, False, True]))
    parts = [slice(0, 1), slice(1, 3), slice(3, 6)]
    total = sum(
        head.loss_from_logits(logits[part], target[part], mask[part]) * head.count(target[part], mask[part])
        for part in parts
    )
    found = torch.as_tensor(total) / head.count(target, mask)
    require_close("the mean over parts", found, head.loss_from_logits(logits, target, mask), MEAN)


@check()
def counts_what_is_known(case: HeadCase) -> None:
    """``head.count`` is the number of examples that are known: all without a mask, those kept with one."""
    head, target, kept = case.head(), case.target(), torch.tensor([True, True, False, True, False, True])
    found = [int(head.count(target)), int(head.count(target, case.mask(kept)))]
    require(found == [6, 4], f"counts of {found}, expected [6, 4]", "leave count to ClassificationHead")


@check()
def row_losses_add_up_to_the_loss(case: HeadCase) -> None:
    """The loss is the sum of ``row_losses`` over the sum of their weights, one row an example."""
    head, logits, target = case.head(), case.logits(), case.target()
    for mask in (None, case.mask(torch.tensor([True, False, True, True, True, False]))):
        values, weight = head.row_losses(logits, target, mask)
        require(values.shape == (6,), f"row losses of shape {tuple(values.shape)} for 6 examples", MEAN)
        found = values.sum() / (len(values) if weight is None else weight.sum())
        require_close("their mean", found, head.loss_from_logits(logits, target, mask), MEAN)


@check()
def shards_have_the_gradient_of_the_whole(case: HeadCase) -> None:
    """Row losses summed over the shards of processes, over the count of all, have the gradient of the whole batch."""
    head, features, target = case.head(), case.features().requires_grad_(), case.target()
    mask = case.mask(torch.tensor([True, True, False, True, False, True]))
    parts = [slice(0, 1), slice(1, 3), slice(3, 6)]
    sums = [head.row_losses(head(features[part]), target[part], mask[part]).values.sum() for part in parts]
    counts = [torch.as_tensor(head.count(target[part], mask[part])) for part in parts]
    found = slopes(torch.stack(sums).sum() / torch.stack(counts).sum(), head, features)
    require_same_answers(found, slopes(head.loss(features, target, mask), head, features), MEAN)


@check()
def loss_has_no_order_of_examples(case: HeadCase) -> None:
    """Examples in another order have the same loss, and their row losses move with them."""
    head, logits, target = case.head(), case.logits(), case.target()
    order, remedy = torch.tensor([3, 0, 5, 1, 4, 2]), "let no row of a batch depend on its place or its neighbours"
    found, expected = head.loss_from_logits(logits[order], target[order]), head.loss_from_logits(logits, target)
    require_close("the loss", found, expected, remedy)
    moved = head.row_losses(logits[order], target[order]).values
    require_close("the row loss", moved, head.row_losses(logits, target).values[order], remedy)


@check(lambda case: not list(case.sample.criterion.parameters()))
def loss_has_no_order_of_classes(case: HeadCase) -> None:
    """Classes under other numbers, in logits, targets and class weights alike, have the same loss."""
    head, moved, order = case.head(), case.head(), torch.arange(case.num_classes).roll(2)
    for buffer in moved.criterion.buffers():
        if buffer.shape == (case.num_classes,):
            buffer.copy_(buffer[order].clone())
    logits, target = case.logits(), case.target()
    moved_target = order.argsort()[target] if case.single else target[:, order]
    found, expected = moved.loss_from_logits(logits[:, order], moved_target), head.loss_from_logits(logits, target)
    require_close("the loss", found, expected, "give classes weights by buffers of shape (C,), not by their numbers")


@check()
def being_right_costs_less_than_being_wrong(case: HeadCase) -> None:
    """Logits that favour the true classes have a lower loss than their opposites."""
    head, target = case.head(), case.target()
    index = nn.functional.one_hot(target, case.num_classes) if case.single else target
    favour = 8.0 * index - 4
    right, wrong = head.loss_from_logits(favour, target).item(), head.loss_from_logits(-favour, target).item()
    require(right < wrong, f"a loss of {right:g} where right and of {wrong:g} where wrong", "check the loss's sign")


@check(has_parameters)
def training_lowers_the_loss(case: HeadCase) -> None:
    """Ten small steps down the gradient lower the loss."""
    head, features, target = case.head(), case.features(), case.target()
    optimizer, before = torch.optim.SGD(head.parameters(), lr=1e-3), head.loss(features, target).item()
    for _ in range(10):
        optimizer.zero_grad()
        head.loss(features, target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    after = head.loss(features, target).item()
    require(after < before, f"a loss of {after:g} after, {before:g} before", "do not detach what must be learned")


@check()
def gradient_is_that_of_finite_differences(case: HeadCase) -> None:
    """In float64 the gradient of the loss in the logits is the slope measured by finite differences."""
    head, target = case.head().double(), case.target(3)
    logits = case.logits(3).double().requires_grad_()

    def loss(values: Tensor) -> Tensor:
        return head.loss_from_logits(values, target)

    right = torch.autograd.gradcheck(loss, logits, raise_exception=False)
    require(right, "another slope", "correct the backward of a custom function; detach only what is constant")


# Spatial axes ---------------------------------------------------------------------------------------------------------


def flat(values: Tensor) -> Tensor:
    """Values of shape (N, C, *spatial) as rows (m, c), by a way of its own."""
    return torch.stack([values.select(1, number).flatten() for number in range(values.shape[1])], dim=1)


@check()
def loss_of_positions_is_the_loss_of_rows(case: HeadCase) -> None:
    """Logits (N, C, *spatial) have the loss of their positions as rows (m, c)."""
    head, logits, target = case.head(), case.logits(2, 2, 3), case.target(2, 2, 3)
    rows = target.flatten() if case.single else flat(target)
    remedy = "take the class axis to the end before flattening: torchheads.shapes.rows"
    expected = head.loss_from_logits(flat(logits), rows)
    require_close("the loss", head.loss_from_logits(logits, target), expected, remedy)
    require_close("the nll", head.nll(logits, target), head.nll(flat(logits), rows), remedy)
    require(int(head.count(target)) == 12, f"a count of {head.count(target)} for 12 positions", remedy)


@check(has_linear_classifier)
def features_of_positions_are_classified_alike(case: HeadCase) -> None:
    """Features (N, D, *spatial) give logits (N, C, *spatial), position by position."""
    head, features = case.head(), case.features(2, 2, 3)
    logits, remedy = head(features), "call torchheads.shapes.classify in forward"
    require(logits.shape == (2, case.num_classes, 2, 3), f"logits of shape {tuple(logits.shape)}", remedy)
    require_close("the logit", flat(logits), head(flat(features)), remedy)
