"""Fits what a head learns from held-out rows, in a training loop that knows nothing of it."""

from __future__ import annotations

from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from torchheads.errors import FitError
from torchheads.heads import held_out, named_heads
from torchheads.targets import each, named


@final
class FitHeldOut(Callback):
    """Fit calibrator, decision and guarantee of a head on a calibration split, before anything is decided.

    At the end of a fit, and before a validation, a test or a prediction of weights that were loaded since. What is
    fitted already stays. ``python train.py`` does the same by itself, for the weights of the best epoch, and with a
    crossfit where one is asked for.

    Args:
        split: name of the data module's method, such as "calibration" for ``calibration_dataloader``.

    Raises:
        FitError: code Z01 for split "test", Z03 for "train"; F04, when the trainer has no such loader.

    Example:
        >>> FitHeldOut().split
        'calibration'
    """

    def __init__(self, split: str = "calibration") -> None:
        if split in ("test", "train"):
            reason = "cannot be tested any more" if split == "test" else "are known to the model"
            raise FitError("Z01" if split == "test" else "Z03", f"split={split!r}: its rows {reason}", "split='val'")
        self.split = split

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit on the weights that training ends with."""
        self.fit(trainer, pl_module)

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
        module: Any = pl_module
        unfitted = {name: head for name, head in named_heads(module.head).items() if not head.fitted}
        if not unfitted:
            return
        rows = module.judged(self.loader(trainer))
        for name, head in unfitted.items():
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
