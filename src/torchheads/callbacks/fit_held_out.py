"""Fits what a head learns from held-out rows, in a training loop that knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from torchheads.errors import FitError
from torchheads.heads import ClassificationHead, held_out, named_heads, parts
from torchheads.targets import each, named

SPLITS = ("calibration", "val")
"""What may be fitted on."""


@final
class FitHeldOut(Callback):
    """Fit calibrator, decision and guarantee of a head on a calibration split, before anything is decided.

    At the end of a fit, whose weights make what was fitted before out of date, and before a validation, a test or a
    prediction, where what is fitted already stays. It takes a `torchheads.module.ClassificationModule` and a data
    module with batches as in `torchheads.data`; in a module of your own call ``head.fit_held_out(logits, target)``.
    ``python train.py`` does the same by itself, for the weights of the best epoch, and with a
    crossfit where one is asked for.

    Args:
        split: "calibration" for the data module's ``calibration_dataloader``, or "val" for its ``val_dataloader``.

    Raises:
        FitError: code Z01 for split "test", Z03 for "train"; F04 for any other, where the trainer has no such loader,
            and for a plain ``LightningModule``.

    Example:
        >>> FitHeldOut().split
        'calibration'
    """

    def __init__(self, split: str = "calibration") -> None:
        if split in ("test", "train"):
            reason = "cannot be tested any more" if split == "test" else "are known to the model"
            raise FitError("Z01" if split == "test" else "Z03", f"split={split!r}: its rows {reason}", "split='val'")
        if split not in SPLITS:
            allowed = ", ".join(map(repr, SPLITS))
            raise FitError("F04", f"split={split!r}; allowed {allowed}", "split='calibration'")
        self.split = split

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit on the weights that training ends with, also what was fitted for others."""
        self._fit(trainer, pl_module, parts.learns)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit before a validation that is not part of a fit."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self.fit(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit before a test, where the weights loaded for it were saved unfitted."""
        self.fit(trainer, pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit before a prediction."""
        self.fit(trainer, pl_module)

    def fit(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit the heads that are not fitted; every rank sees all rows, so that all learn the same."""
        self._fit(trainer, pl_module, lambda head: not head.fitted)

    def _fit(self, trainer: Trainer, pl_module: LightningModule, is_due: Callable[[ClassificationHead], bool]) -> None:
        module = with_heads(pl_module)
        due = {name: head for name, head in named_heads(module.head).items() if is_due(head)}
        if not due:
            return
        rows = module.judged(self.loader(trainer))
        for name, head in due.items():
            own = (each(lambda value: value.to(module.device), named(tree).get(name)) for tree in rows[1:])
            logits, target, mask = own
            held_out.fit(head, logits, target, mask, insist=False)

    def loader(self, trainer: Trainer) -> Any:
        """The loader of the split.

        Raises:
            FitError: code F04, when the trainer has none.
        """
        make = getattr(getattr(trainer, "datamodule", None), f"{self.split}_dataloader", None)
        if make is None:
            problem = f"the head must be fitted, and the trainer has no data module with {self.split}_dataloader()"
            raise FitError("F04", problem, "trainer.fit(module, datamodule=data), or decision=Threshold(0.5)")
        return make()


def with_heads(module: LightningModule) -> Any:
    """The module, which must hold a head and be able to judge the rows of a loader.

    Raises:
        FitError: code F04, for one that is not a `torchheads.module.ClassificationModule`.
    """
    if not (hasattr(module, "head") and hasattr(module, "judged")):
        problem = f"FitHeldOut got a {type(module).__name__}; allowed a torchheads.module.ClassificationModule"
        raise FitError("F04", problem, "head.fit_held_out(logits, target) at the end of your own training")
    return module
