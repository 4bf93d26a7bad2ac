"""The training module: any backbone and any head, without a question asked about which head it is.

n examples, c classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from torchheads.artifact import Collector, Rows
from torchheads.data import Batch
from torchheads.heads import ClassificationHead
from torchheads.metrics import MetricSuite, metric_suite
from torchheads.optim import GlobalMean, adamw, constant

OptimizerFactory = Callable[[nn.Module], Optimizer]
SchedulerFactory = Callable[..., LRScheduler]


class ClassificationModule(LightningModule):
    """A backbone and a head under Lightning: loss, metrics, optimizer and schedule; the head decides everything else.

    Args:
        backbone: maps the input of a batch to features of shape (N, D).
        head: maps features to logits of shape (N, C) and owns loss, scores, probabilities and decision.
        optimizer: takes this module, returns its optimizer; AdamW if None.
        scheduler: takes the optimizer and ``total_steps``, returns a per-step schedule; constant if None.
        hyper_parameters: plain scalars, lists and dicts that go into the checkpoint; nothing else, so that it loads
            with ``weights_only=True``.

    Example:
        >>> import torchheads
        >>> module = ClassificationModule(nn.Flatten(), torchheads.SoftmaxHead(64, 10))
        >>> module(torch.randn(2, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: ClassificationHead,
        optimizer: OptimizerFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        hyper_parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(dict(hyper_parameters or {}), logger=False)
        self.backbone = backbone
        self.head = head
        self.default_decision = head.default_decision[head.label_type]()
        self.default_decision.bind(head.num_classes)
        self.optimizer_factory = optimizer or adamw
        self.scheduler_factory = scheduler or constant
        self.train_loss = MeanMetric()
        self.train_loss.set_dtype(torch.float64)
        self.val_metrics, self.test_metrics, self.default_metrics = (self._suite() for _ in range(3))
        self.global_mean = GlobalMean()
        self.collector = Collector()
        self.collected: Rows
        self.results: dict[str, dict[str, float]] = {}
        self.per_class: dict[str, list[float]] = {}

    def _suite(self) -> MetricSuite:
        return metric_suite(self.head.label_type, self.head.num_classes)

    @property
    def watched(self) -> str:
        """The key that checkpoints and early stopping watch."""
        return f"val/{self.val_metrics.watched}"

    @property
    def watched_mode(self) -> str:
        """ "max" or "min": which way the watched key is better."""
        return self.val_metrics.direction(self.val_metrics.watched)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, C) of the input of a batch."""
        logits: Tensor = self.head(self.backbone(inputs))
        return logits

    def setup(self, stage: str) -> None:
        """Give a head that asked for it (``prior="data"``) the class frequencies of the train split."""
        if stage == "fit" and self.head.awaits_prior:
            self.head.set_prior(self.trainer.datamodule.prior())  # type: ignore[attr-defined]

    # Training -----------------------------------------------------------------------------------------------------

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The head's loss; its mean over the epoch is weighted by the number of examples."""
        loss = self.head.loss(self.backbone(batch.input), batch.target, batch.mask)
        count = self.head.count(batch.target, batch.mask)
        self.train_loss.update(loss.detach(), count)
        return self.global_mean.weigh(loss, count, self.trainer)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Divide by the number of examples of all ranks and accumulated batches."""
        self.global_mean.correct(optimizer, self.trainer)

    def on_train_epoch_end(self) -> None:
        """Log the epoch's mean loss."""
        self.log("train/loss", self.train_loss.compute().float())
        self.train_loss.reset()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer, and its schedule step by step."""
        optimizer = self.optimizer_factory(self)
        schedule = self.scheduler_factory(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # Evaluation ---------------------------------------------------------------------------------------------------

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the validation metrics with the batch's real rows."""
        batch, logits = self._real_rows(batch, batch_idx, self.trainer.val_dataloaders)
        self._update(self.val_metrics, batch, logits, self._decide(logits))

    def on_validation_epoch_end(self) -> None:
        """Log every validation metric."""
        self._log("val", self.val_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the test metrics, once with the decision that ships and once with the default one; keep the rows."""
        batch, logits = self._real_rows(batch, batch_idx, self.trainer.test_dataloaders)
        self._update(self.test_metrics, batch, logits, self._decide(logits))
        self._update(self.default_metrics, batch, logits, self.default_decision(self.head.scores(logits)))
        self.collector.add(batch.index, logits, batch.target)

    def on_test_epoch_end(self) -> None:
        """Log every test metric and gather the rows of all ranks in ``collected``."""
        self.per_class = self.test_metrics.per_class()
        self._log("test", self.test_metrics)
        self._log("test_default_decision", self.default_metrics)
        self.collected = self.collector.gather()

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Keep the rows of a split; returns the logits (N, C) of the real ones."""
        batch, logits = self._real_rows(batch, batch_idx, self.trainer.predict_dataloaders)
        self.collector.add(batch.index, logits, batch.target)
        return logits

    def on_predict_epoch_end(self) -> None:
        """Gather the rows of all ranks in ``collected``."""
        self.collected = self.collector.gather()

    def _real_rows(self, batch: Batch, batch_idx: int, loader: Any) -> tuple[Batch, Tensor]:
        """The batch without the rows that only fill it up for another rank's sake, and its logits.

        The whole batch goes through the model, so that every rank runs it equally often.
        """
        logits = self(batch.input)
        count = loader.real_rows(batch_idx) if hasattr(loader, "real_rows") else len(logits)
        mask = None if batch.mask is None else batch.mask[:count]
        return Batch(batch.input[:count], batch.target[:count], batch.index[:count], mask), logits[:count]

    def _decide(self, logits: Tensor) -> Tensor | None:
        """Predictions, or None while the decision is not fitted."""
        return self.head.predict(logits) if self.head.decision.fitted else None

    def _update(self, suite: MetricSuite, batch: Batch, logits: Tensor, predictions: Tensor | None) -> None:
        suite.update(
            scores=self.head.scores(logits),
            probabilities=self.head.probabilities(logits),
            nll=self.head.nll(logits, batch.target, batch.mask),
            target=batch.target,
            predictions=predictions,
        )

    def _log(self, split: str, suite: MetricSuite) -> None:
        """Log a suite's values, which are those of all ranks already, keep them in ``results``, and start afresh."""
        self.results[split] = suite.compute()
        self.log_dict({f"{split}/{key}": value for key, value in self.results[split].items()})
        suite.reset()
