"""Checks of numerics: extreme logits, dtypes and autocast.

n examples, c classes.
"""

import torch

from torchheads.testing.base import HeadCase, answers, check
from torchheads.testing.functional import require, require_close, require_equal, require_same_answers

STABLE = "use log_softmax, logsigmoid or torch's losses with logits, never log(probability)"


@check()
def loss_is_finite_on_the_grid(case: HeadCase) -> None:
    """The loss of every row of finite logits, however extreme, is a finite number."""
    head, logits = case.head(validate=False), case.grid()
    target = case.target(len(logits))
    values = head.row_losses(logits, target).values
    bad = (~values.isfinite()).nonzero().flatten().tolist()
    require(not bad, f"a loss of {values[bad[:1]].tolist()} at logits {logits[bad[:1]].tolist()}", STABLE)
    loss = head.loss_from_logits(logits, target)
    require(loss.ndim == 0 and bool(loss.isfinite()), f"the mean loss {loss}", STABLE)


@check()
def gradient_is_finite_on_the_grid(case: HeadCase) -> None:
    """The gradient of the loss is finite wherever the logits are."""
    head, logits = case.head(validate=False), case.grid().requires_grad_()
    (slope,) = torch.autograd.grad(head.loss_from_logits(logits, case.target(len(logits))), logits)
    bad = (~slope.isfinite()).any(dim=1).nonzero().flatten().tolist()
    require(not bad, f"a slope of {slope[bad[:1]].tolist()} at logits {logits[bad[:1]].tolist()}", STABLE)


@check()
def answers_are_finite_on_the_grid(case: HeadCase) -> None:
    """Scores and probabilities of finite logits, however extreme, are finite."""
    head, logits = case.head(), case.grid()
    for name in ("scores", "probabilities"):
        values = answers(head, logits)[name]
        bad = (~values.isfinite()).any(dim=1).nonzero().flatten().tolist()
        require(not bad, f"{name} {values[bad[:1]].tolist()} at logits {logits[bad[:1]].tolist()}", STABLE)


@check()
def half_precision_is_answered_in_float32(case: HeadCase) -> None:
    """Half-precision logits are answered in float32, and the link is not rounded."""
    head, target, remedy = case.head(), case.target(), "begin with self.calibrated(logits), which widens them"
    for dtype in (torch.float16, torch.bfloat16):
        logits = case.logits().to(dtype)
        found, expected = answers(head, logits), answers(head, logits.float())
        for name in expected:
            require_equal(f"{name} of {dtype} logits", found[name], expected[name], remedy)
        loss, wide = head.loss_from_logits(logits, target), head.loss_from_logits(logits.float(), target)
        require_equal(f"the loss of {dtype} logits", loss, wide, "compute the loss in float32")


@check()
def autocast_does_not_round_the_answers(case: HeadCase) -> None:
    """Under autocast to bfloat16, loss, scores and probabilities of float32 logits are what they are without it."""
    head, logits, target = case.head(), case.logits(), case.target()
    expected, loss = answers(head, logits), head.loss_from_logits(logits, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, found_loss = answers(head, logits), head.loss_from_logits(logits, target)
        features_loss = head.loss(case.features(), target)
    remedy = "switch autocast off inside the link: torch.autocast(device_type, enabled=False)"
    for name in expected:
        require_equal(f"{name} under autocast", found[name], expected[name], remedy)
    require_equal("the loss under autocast", found_loss, loss, remedy)
    require(features_loss.dtype == torch.float32, f"a loss of {features_loss.dtype} under autocast", remedy)


@check()
def float64_stays_float64(case: HeadCase) -> None:
    """A head in float64 gives logits, loss, scores and probabilities in float64, equal to float32 within rounding."""
    narrow, head = case.head(), case.head().double()
    features, target, remedy = case.features(), case.target(), "no .float(): take the dtype from the logits"
    logits = head(features.double())
    wide = {"logits": logits, "loss": head.loss_from_logits(logits, target)}
    wide |= {name: value for name, value in answers(head, logits).items() if name != "predictions"}
    for name, value in wide.items():
        require(value.dtype == torch.float64, f"{name} in {value.dtype}", remedy)
    expected = answers(narrow, narrow(features))
    require_same_answers(answers(head, logits), expected, remedy)
    require_close("the loss", wide["loss"], narrow.loss(features, target).double(), remedy)


@check()
def half_logits_have_half_gradients(case: HeadCase) -> None:
    """The gradient of the loss comes back in the dtype of the logits, within rounding of that in float32."""
    head, target = case.head(), case.target()
    half = case.logits().bfloat16().requires_grad_()
    full = half.detach().float().requires_grad_()
    (found,) = torch.autograd.grad(head.loss_from_logits(half, target), half)
    (expected,) = torch.autograd.grad(head.loss_from_logits(full, target), full)
    remedy = "widen logits by .float() inside the graph, not on detached copies"
    require(found.dtype == torch.bfloat16, f"a gradient in {found.dtype}", remedy)
    require_close("the gradient", found, expected, remedy, rtol=1e-2, atol=1e-2)
