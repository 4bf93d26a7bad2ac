"""The gradient that reaches the optimizer is no longer than the limit."""

import math

import pytest
import torch

from torchheads.callbacks import GradientClipping
from torchheads.errors import HeadConfigError


def fitted(scripted, batches, trainer, *callbacks, scale=1.0, **options):
    """Length of the step of one SGD step at rate 1 with a module that scales its gradients late, and its start."""
    module = scripted([0.5], lr=1.0)

    def scale_gradients(optimizer):
        for parameter in module.parameters():
            parameter.grad.mul_(scale)

    module.on_before_optimizer_step = scale_gradients
    before = [parameter.detach().clone() for parameter in module.parameters()]
    trainer(*callbacks, max_epochs=1, limit_train_batches=1, **options).fit(module, batches, batches)
    moves = [(old - new).flatten() for old, new in zip(before, module.parameters(), strict=True)]
    return torch.cat(moves).norm().item()


def test_a_long_gradient_is_cut_to_the_limit_after_the_modules_own_scaling(scripted, batches, trainer):
    free = fitted(scripted, batches, trainer, scale=100.0)
    assert free > 10
    assert fitted(scripted, batches, trainer, GradientClipping(0.5), scale=100.0) == pytest.approx(0.5, rel=1e-4)


def test_a_short_gradient_stays(scripted, batches, trainer):
    free = fitted(scripted, batches, trainer)
    assert fitted(scripted, batches, trainer, GradientClipping(1000.0)) == free


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, "1", True])
def test_bad_limits_are_refused(limit):
    with pytest.raises(
        HeadConfigError, match=r"TH-H13: gradient_clipping\.max_norm=.*Try: callbacks\.gradient_clipping"
    ):
        GradientClipping(limit)


@pytest.mark.parametrize("options", [{"gradient_clip_val": 2.0}, {"gradient_clip_algorithm": "value"}])
def test_two_limits_are_refused(scripted, batches, trainer, options):
    with pytest.raises(HeadConfigError, match=r"TH-H13: gradients are clipped twice.*trainer\.gradient_clip_val=null"):
        fitted(scripted, batches, trainer, GradientClipping(0.5), **options)


def test_fitting_twice_is_not_two_limits(scripted, batches, trainer):
    run = trainer(GradientClipping(0.5), max_epochs=1)
    module = scripted([0.5])
    run.fit(module, batches, batches)
    run.fit(module, batches, batches)
    assert run.gradient_clip_val == 0.5
