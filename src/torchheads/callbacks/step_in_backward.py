"""Lets the classifier take its training step in the backward pass, so that no gradient of its weight ever exists."""

from __future__ import annotations

from typing import Any, Literal, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from torchheads.callbacks.base import parts
from torchheads.errors import CheckpointMismatch, HeadConfigError
from torchheads.heads import ClassificationHead, step_in_backward
from torchheads.linear import RowwiseAdam, Sgd, WeightStep

RULES = ("rowwise_adam", "sgd")


@final
class StepInBackward(Callback):
    """Trains the classifier's weight chunk by chunk inside the backward pass; the optimizer trains everything else.

    With very many classes the gradient of that one weight, and what an optimizer keeps for it, are most of a run's
    memory: see ``docs/scaling.md``. The learning rate is the optimizer's own for the head, schedule included. Gradient
    clipping does not see this weight. Sibling: head.path=chunked alone, with any optimizer and a gradient.

    Args:
        rule: "rowwise_adam" (`torchheads.linear.RowwiseAdam`, one number of state a class) or "sgd", without state.
        weight_decay: decoupled decay of the classifier's weight, >= 0; the optimizer's does not reach it.

    Raises:
        HeadConfigError: code H13, for an unknown rule or a number out of range; H44, when a fit needs the gradient: of
            accumulated batches, several processes, a scaled loss or L-BFGS; H28, for a head without chunks.

    Example:
        >>> StepInBackward().step
        RowwiseAdam(lr=1, weight_decay=0)
    """

    def __init__(self, rule: Literal["rowwise_adam", "sgd"] = "rowwise_adam", weight_decay: float = 0.0) -> None:
        if rule not in RULES:
            problem = f"step_in_backward.rule={rule!r}; allowed {', '.join(RULES)}"
            raise HeadConfigError("H13", problem, "callbacks.step_in_backward.rule=rowwise_adam")
        self.rule, self.weight_decay = rule, weight_decay
        self.step = self._new_step()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the head its rule.

        Raises:
            HeadConfigError: codes H28 and H44.
        """
        if stage != "fit":
            return
        head: Any = parts(pl_module).head
        obstacle = obstacle_of_trainer(trainer)
        if not isinstance(head, ClassificationHead):
            obstacle = "several heads; allowed one"
        elif len(owners := owners_of(getattr(head.classifier, "weight", None), pl_module)) > 1:
            obstacle = f"one weight in several places ({', '.join(owners)}); allowed a weight of the classifier's own"
        if obstacle:
            raise refusal(obstacle)
        self.step = self._new_step()  # what another fit has left is of no use; a checkpoint is read after this
        step_in_backward(head, self.step)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Take over the optimizer's learning rate for the classifier.

        Raises:
            HeadConfigError: code H44, for L-BFGS, which asks for the loss of one step many times.
        """
        if any(isinstance(optimizer, torch.optim.LBFGS) for optimizer in trainer.optimizers):
            raise refusal("L-BFGS; allowed adamw and sgd")
        head: Any = parts(pl_module).head
        weight = head.classifier.weight
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        rates = [float(group["lr"]) for group in groups if any(weight is own for own in group["params"])]
        if not rates:
            raise refusal("a classifier that no optimizer has; allowed one of the optimizer's parameters")
        self.step.lr = rates[0]

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """After the fit the head's loss has gradients again."""
        head: Any = parts(pl_module).head
        if stage == "fit" and isinstance(head, ClassificationHead):
            step_in_backward(head, None)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """As `teardown`, which Lightning leaves out then."""
        self.teardown(trainer, pl_module, "fit")

    def state_dict(self) -> dict[str, Any]:
        """The rule, and what it has to remember in a checkpoint."""
        return {"rule": self.rule, **self.step.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on as the rule of the checkpoint would have.

        Raises:
            CheckpointMismatch: code K07, for the state of another rule.
        """
        saved = state_dict.get("rule", self.rule)  # which older checkpoints do not name
        if saved != self.rule:
            key = "callbacks.step_in_backward.rule"
            problem = f"{key}={self.rule}, where the run to carry on has {saved}"
            raise CheckpointMismatch("K07", problem, f"{key}={saved}")
        self.step.load_state_dict({name: value for name, value in state_dict.items() if name != "rule"})

    def _new_step(self) -> WeightStep:
        """The rule without a past; the rate of each step comes from the optimizer."""
        kind = RowwiseAdam if self.rule == "rowwise_adam" else Sgd
        return kind(lr=1.0, weight_decay=self.weight_decay)


def owners_of(weight: object, module: nn.Module) -> list[str]:
    """The names that a weight has in a module.

    Example:
        >>> tied = nn.Linear(2, 2)
        >>> owners_of(tied.weight, nn.Sequential(tied, nn.ReLU(), tied))
        ['0.weight', '2.weight']
    """
    named = module.named_parameters(remove_duplicate=False)
    return [name for name, parameter in named if parameter is weight]


def refusal(obstacle: str) -> HeadConfigError:
    """The error for a fit that needs the gradient; code H44."""
    problem = f"a step in the backward pass with {obstacle}"
    return HeadConfigError("H44", problem, "callbacks=default, where the classifier's weight has a gradient")


def obstacle_of_trainer(trainer: Trainer) -> str:
    """What a trainer does with gradients that it could not do without them, in words; empty where it does nothing."""
    if trainer.accumulate_grad_batches != 1:
        return f"trainer.accumulate_grad_batches={trainer.accumulate_grad_batches}; allowed 1"
    if trainer.world_size > 1:
        return f"{trainer.world_size} processes; allowed one"
    scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
    return f"trainer.precision={trainer.precision}, which scales the loss; allowed 32 and bf16" if scaled else ""
