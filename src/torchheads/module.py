"""The training module: any backbone and any head, without a question asked about which head it is.

n examples, c classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from torchheads.artifact import Collector, Rows
from torchheads.backbones import Backbone
from torchheads.calibration import before_the_fit
from torchheads.data import Batch, rows_of
from torchheads.data.resume import batches_done
from torchheads.heads import ClassificationHead, MultiHead
from torchheads.metrics import EpochLoss, HeadMetrics, MultiHeadMetrics, default_decision, head_metrics
from torchheads.module_checks import (
    check_freezing,
    check_width,
    explain_single_row,
    look_for_absent_classes,
    nothing_known,
)
from torchheads.optim import FiniteWatch, GlobalMean, adamw
from torchheads.optim.sharding import share_weights

OptimizerFactory = Callable[[nn.Module], Optimizer]
SchedulerFactory = Callable[..., LRScheduler]


class ClassificationModule(LightningModule):
    """A backbone and a head under Lightning: loss, metrics, optimizer and schedule; the head decides everything else.

    Args:
        backbone: maps the input of a batch to features of shape (N, D).
        head: maps features to logits of shape (N, C) and owns loss, scores, probabilities and decision; with a
            `MultiHead` logits, targets and masks are dicts by head.
        optimizer: takes this module, returns its optimizer; AdamW if None.
        scheduler: takes the optimizer and ``total_steps``, returns a per-step schedule; None for the
            optimizer's own rates throughout.
        hyper_parameters: plain scalars, lists and dicts that go into the checkpoint; nothing else, so that it loads
            with ``weights_only=True``.

    Raises:
        HeadConfigError: code L03, when the backbone says how wide its features are, and the head expects another width.

    Example:
        >>> import torch
        >>> import torchheads
        >>> module = ClassificationModule(nn.Flatten(), torchheads.SoftmaxHead(64, 10))
        >>> module(torch.randn(2, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: ClassificationHead | MultiHead,
        optimizer: OptimizerFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        hyper_parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_width(backbone, head)
        self.save_hyperparameters(dict(hyper_parameters or {}), logger=False)
        self.backbone = backbone
        self.head: Any = head  # one or several: their methods are the same
        self.optimizer_factory = optimizer or adamw
        self.scheduler_factory = scheduler
        self.train_loss = EpochLoss()
        self.val_metrics, self.test_metrics = head_metrics(head), head_metrics(head)
        self.default_metrics = head_metrics(head, default_decision(head))
        self.global_mean = GlobalMean()
        self.finite_watch = FiniteWatch()
        self.collector = Collector()
        self.collected: Rows
        self.results: dict[str, dict[str, float]] = {}
        self.per_class: dict[str, list[float]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """As ever, but for the name of the hook at work, which Lightning notes some forty times a step.

        A module looks whether what it gets is a parameter, a buffer or a module; that took a tenth of a small step.
        """
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def watched(self) -> str:
        """The key that checkpoints and early stopping watch."""
        return f"val/{self.val_metrics.watched}"

    @property
    def watched_mode(self) -> str:
        """ "max" or "min": which way the watched key is better."""
        return self.val_metrics.direction(self.val_metrics.watched)

    def forward(self, inputs: Tensor) -> Any:
        """Logits (N, C) of the input of a batch, or a dict of them by head."""
        return self.head(self.backbone(inputs))

    def setup(self, stage: str) -> None:
        """Give a head that asked for it (``prior="data"``) the class frequencies of the train split.

        A class that no training example has is warned of (code W02).
        """
        if stage == "fit" and hasattr(self.trainer.datamodule, "split"):  # type: ignore[attr-defined]
            look_for_absent_classes(self.head, self.trainer.datamodule.split("train").target)  # type: ignore[attr-defined]
        if stage == "fit" and self.head.awaits_prior:
            self.head.set_prior(self.trainer.datamodule.prior())  # type: ignore[attr-defined]

    def configure_model(self) -> None:
        """Share the weights out over the ranks where the strategy has a mesh for it (``trainer=fsdp``)."""
        if self._device_mesh is not None:
            share_weights(self.backbone, self.head, self._device_mesh)

    # Training -----------------------------------------------------------------------------------------------------

    def on_train_start(self) -> None:
        """As `on_train_epoch_start`, which Lightning leaves out where an epoch is resumed midway."""
        check_freezing(self.backbone, self.trainer.strategy.model)
        self.on_train_epoch_start()

    def on_train_epoch_start(self) -> None:
        """Tell a backbone whose stages are frozen until an epoch which one it is."""
        if isinstance(self.backbone, Backbone):
            self.backbone.begin_epoch(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The head's loss; its mean over the epoch is weighted by the number of examples.

        Raises:
            DataError: code L08, for a batch of one example where a layer needs two to normalise by.
            NonFiniteError: code L01, when this loss or the one before is NaN or infinite.
        """
        try:
            loss: Tensor = self.head.loss(batch.features(self.backbone), batch.target, batch.mask)
        except ValueError as error:
            explain_single_row(error, len(batch.input))
            raise
        self.finite_watch.look(loss, self.global_step)
        count = self.head.count(batch.target, batch.mask)
        self.train_loss.update(loss.detach(), count)
        return self.global_mean.weigh(loss, count, self.trainer)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Divide by the number of examples of all ranks and accumulated batches."""
        self.global_mean.correct(optimizer, self.trainer)

    def on_train_epoch_end(self) -> None:
        """Log the epoch's mean loss over all ranks, and how many batches had nothing to learn from, if any had.

        Raises:
            DataError: code T10, when no batch of the epoch had anything. Of an epoch that was resumed midway the
                batches before are not known, and nothing is logged then.
        """
        self.finite_watch.read()
        mean = self.train_loss.compute()
        self.train_loss.reset()
        if mean.examples:
            self.log("train/loss", mean.loss)
        elif mean.batches >= batches_done(self.trainer) * self.trainer.world_size:
            raise nothing_known(f"epoch {self.current_epoch} of training ({mean.batches} batches)")
        if mean.ignored_batches:
            self.log("train/ignored_batches", float(mean.ignored_batches))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer, and its schedule step by step where there is one."""
        optimizer = self.optimizer_factory(self)
        if self.scheduler_factory is None:
            return optimizer
        schedule = self.scheduler_factory(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # Evaluation ---------------------------------------------------------------------------------------------------

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the validation metrics with the batch's real rows."""
        batch, logits = self._real_rows(batch, batch_idx, self.trainer.val_dataloaders)
        with before_the_fit(self.head):  # which comes after training
            self.val_metrics.update(self.head, logits, batch.target, batch.mask)

    def on_validation_epoch_end(self) -> None:
        """Log every validation metric."""
        self._log("val", self.val_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the test metrics, once with the decision that ships and once with the default one; keep the rows."""
        batch, logits = self._real_rows(batch, batch_idx, self.trainer.test_dataloaders)
        for metrics in (self.test_metrics, self.default_metrics):
            metrics.update(self.head, logits, batch.target, batch.mask)
        self.collector.add(batch.index, logits, batch.target, batch.mask)

    def on_test_epoch_end(self) -> None:
        """Log every test metric and gather the rows of all ranks in ``collected``."""
        self.per_class = self.test_metrics.per_class()
        self._log("test", self.test_metrics)
        self._log("test_default_decision", self.default_metrics)
        self.collected = self.collector.gather()

    def predict_step(self, batch: Batch, batch_idx: int) -> Any:
        """Keep the rows of a split; returns the logits (N, C) of the real ones."""
        batch, logits = self._real_rows(batch, batch_idx, self.trainer.predict_dataloaders)
        self.collector.add(batch.index, logits, batch.target, batch.mask)
        return logits

    def on_predict_epoch_end(self) -> None:
        """Gather the rows of all ranks in ``collected``."""
        self.collected = self.collector.gather()

    @torch.no_grad()
    def judged(self, loader: Iterable[Batch]) -> Rows:
        """The rows of a loader as the module judges them now, of all ranks; beside the trainer's own loops."""
        was_training = self.training
        self.eval()
        for number, batch in enumerate(loader):
            batch = self.trainer.strategy.batch_to_device(batch)
            with self.trainer.precision_plugin.forward_context():
                batch, logits = self._real_rows(batch, number, loader)
            self.collector.add(batch.index, logits, batch.target, batch.mask)
        self.train(was_training)
        return self.collector.gather()

    def _real_rows(self, batch: Batch, batch_idx: int, loader: Any) -> tuple[Batch, Any]:
        """The batch without the rows that only fill it up for another rank's sake, and its logits.

        The whole batch goes through the model, so that every rank runs it equally often.
        """
        logits = self.head(batch.features(self.backbone))
        count = loader.real_rows(batch_idx) if hasattr(loader, "real_rows") else len(batch.index)
        return batch.first(count), rows_of(logits, slice(count))

    def _log(self, split: str, metrics: HeadMetrics | MultiHeadMetrics) -> None:
        """Log the values, which are those of all ranks already, keep them in ``results``, and start afresh."""
        if not metrics.examples() and not self.trainer.sanity_checking:  # which looks at the first batches alone
            raise nothing_known(f"the {split} split")
        self.results[split] = metrics.compute()
        self.log_dict({f"{split}/{key}": value for key, value in self.results[split].items()})
        metrics.reset()
