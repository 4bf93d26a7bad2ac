"""Training with a classifier that steps in the backward pass: the same weights, no gradient, and what it refuses."""

import copy
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback
from torch import nn

from torchheads import MultiHead, SigmoidHead, SoftmaxHead
from torchheads.callbacks import StepInBackward
from torchheads.callbacks.step_in_backward import obstacle_of_trainer
from torchheads.errors import CheckpointMismatch, HeadConfigError


@pytest.fixture
def module(scripted):
    """A scripted module with a head of torchheads, whose learning rate halves with each step."""
    made = scripted([0.5, 0.6, 0.7, 0.8])
    made.head = SoftmaxHead(4, 3)
    nn.init.normal_(made.head.classifier.weight, generator=torch.Generator().manual_seed(0))

    def training_step(batch, batch_idx):
        return made.head.loss(made.backbone(batch), torch.arange(len(batch)) % 3)

    def configure_optimizers():
        bias = [made.head.classifier.bias]
        rest = [*made.backbone.parameters(), made.head.classifier.weight]
        optimizer = torch.optim.SGD([{"params": bias, "lr": 0.01}, {"params": rest}], lr=0.5)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    made.training_step, made.configure_optimizers = training_step, configure_optimizers
    return made


class Gradients(Callback):
    """Whether the weight ever had a gradient."""

    def __init__(self):
        self.seen = set()

    def on_after_backward(self, trainer, pl_module):
        self.seen.add(pl_module.head.classifier.weight.grad is not None)


def test_the_weights_are_those_of_the_optimizer(module, batches, trainer):
    twin, first, second = copy.deepcopy(module.state_dict()), Gradients(), Gradients()
    callback = StepInBackward("sgd")
    trainer(callback, first, max_epochs=2).fit(module, batches, batches)
    stepped = copy.deepcopy(module.state_dict())
    assert (module.head.weight_step, module.head.path) == (None, "auto")
    module.load_state_dict(twin)
    trainer(second, max_epochs=2).fit(module, batches, batches)
    assert (first.seen, second.seen) == ({False}, {True})
    assert callback.step.lr == 0.5 * 0.5**7
    torch.testing.assert_close(stepped, module.state_dict())


def test_a_resumed_fit_goes_on_with_the_same_squares(module, batches, trainer, tmp_path):
    start = copy.deepcopy(module.state_dict())
    trainer(StepInBackward(), max_epochs=4).fit(module, batches, batches)
    whole = copy.deepcopy(module.state_dict())
    module.load_state_dict(start)
    half = trainer(StepInBackward(), max_epochs=2)
    half.fit(module, batches, batches)
    half.save_checkpoint(tmp_path / "half.ckpt")
    trainer(StepInBackward(), max_epochs=4).fit(module, batches, batches, ckpt_path=tmp_path / "half.ckpt")
    torch.testing.assert_close(module.state_dict(), whole)


@pytest.mark.parametrize(("rule", "other"), [("sgd", "rowwise_adam"), ("rowwise_adam", "sgd")])
def test_a_run_is_not_carried_on_by_another_rule(module, batches, trainer, tmp_path, rule, other):
    half = trainer(StepInBackward(rule), max_epochs=1)
    half.fit(module, batches, batches)
    half.save_checkpoint(tmp_path / "half.ckpt")
    text = (
        f"TH-K07: callbacks.step_in_backward.rule={other}, where the run to carry on has {rule}. "
        f"Try: callbacks.step_in_backward.rule={rule}"
    )
    with pytest.raises(CheckpointMismatch) as caught:
        trainer(StepInBackward(other), max_epochs=2).fit(module, batches, batches, ckpt_path=tmp_path / "half.ckpt")
    assert str(caught.value) == text


def test_an_older_checkpoint_does_not_name_its_rule():
    callback = StepInBackward()
    callback.load_state_dict({"steps": 3, "mean_square": torch.ones(2)})
    assert callback.step.steps == 3


def of_trainer(accumulate_grad_batches=1, world_size=1, scaler=None, precision="32-true"):
    plugin = SimpleNamespace(scaler=scaler)
    return SimpleNamespace(
        accumulate_grad_batches=accumulate_grad_batches,
        world_size=world_size,
        precision_plugin=plugin,
        precision=precision,
    )


@pytest.mark.parametrize(
    ("trainer", "text"),
    [
        (of_trainer(accumulate_grad_batches=2), "trainer.accumulate_grad_batches=2; allowed 1"),
        (of_trainer(world_size=2), "2 processes; allowed one"),
        (of_trainer(scaler=object(), precision="16-mixed"), "trainer.precision=16-mixed, which scales the loss"),
        (of_trainer(), ""),
    ],
)
def test_what_a_trainer_needs_gradients_for(trainer, text):
    assert obstacle_of_trainer(trainer).startswith(text)
    assert bool(obstacle_of_trainer(trainer)) == bool(text)


def test_accumulated_batches_are_refused_before_a_step(module, batches, trainer):
    with pytest.raises(HeadConfigError, match=r"TH-H44: a step in the backward pass with trainer\.accumulate_grad_b"):
        trainer(StepInBackward(), max_epochs=1, accumulate_grad_batches=2).fit(module, batches, batches)


def test_several_heads_are_refused(module, batches, trainer):
    module.head = MultiHead({"a": SoftmaxHead(4, 3), "b": SigmoidHead(4, 3)})
    with pytest.raises(HeadConfigError, match="TH-H44: a step in the backward pass with several heads"):
        trainer(StepInBackward(), max_epochs=1).fit(module, batches, batches)


def test_lbfgs_is_refused(module, batches, trainer):
    module.configure_optimizers = lambda: torch.optim.LBFGS(module.parameters())
    with pytest.raises(HeadConfigError, match="TH-H44: a step in the backward pass with L-BFGS"):
        trainer(StepInBackward(), max_epochs=1).fit(module, batches, batches)


@pytest.mark.parametrize("options", [{"rule": "adam"}, {"weight_decay": -1.0}])
def test_options_out_of_range(options):
    with pytest.raises(HeadConfigError, match="TH-H13"):
        StepInBackward(**options)


def test_a_fit_that_fails_leaves_nothing_behind(module, batches, trainer):
    class Stop(Callback):
        def on_train_batch_end(self, *arguments):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        trainer(StepInBackward(), Stop(), max_epochs=1).fit(module, batches, batches)
    assert module.head.weight_step is None


def test_a_second_fit_starts_afresh(module, batches, trainer):
    start, callback = copy.deepcopy(module.state_dict()), StepInBackward()
    trainer(callback, max_epochs=1).fit(module, batches, batches)
    once = copy.deepcopy(module.state_dict())
    module.load_state_dict(start)
    trainer(callback, max_epochs=1).fit(module, batches, batches)
    torch.testing.assert_close(module.state_dict(), once)


def test_a_classifier_that_no_optimizer_has_is_refused(module, batches, trainer):
    module.configure_optimizers = lambda: torch.optim.SGD(module.backbone.parameters(), lr=0.1)
    with pytest.raises(HeadConfigError, match="TH-H44: a step in the backward pass with a classifier that no optim"):
        trainer(StepInBackward(), max_epochs=1).fit(module, batches, batches)


def test_a_weight_with_two_owners_is_refused(module, batches, trainer):
    module.backbone.twin = module.head.classifier
    with pytest.raises(HeadConfigError, match=r"TH-H44: .*one weight in several places \(backbone\.twin\.weight, head"):
        trainer(StepInBackward(), max_epochs=1).fit(module, batches, batches)
