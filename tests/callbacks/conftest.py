"""A module that logs scores by script, and a trainer without decoration."""

import math

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar
from torch import nn


class Head(nn.Linear):
    """A linear layer that says what it classifies."""

    label_type = "single"
    num_classes = 3


class Scripted(LightningModule):
    """Logs the next score of a list as its watched metric at each validation."""

    def __init__(self, scores=(), watched="val/accuracy", mode="max", lr=0.1):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
        self.head = Head(4, 3)
        self.watched, self.watched_mode, self.lr = watched, mode, lr
        self.scores, self.logged, self.seen = list(scores), watched, []
        self.total = 0.0

    def forward(self, features):
        return self.head(self.backbone(features))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self(batch), torch.arange(len(batch)) % 3)
        self.total += loss.item()
        return loss

    def on_train_epoch_end(self):
        self.log("train/loss", self.total)
        self.total = 0.0

    def validation_step(self, batch, batch_idx):
        self.seen.append({name: value.clone() for name, value in self.state_dict().items()})

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            self.log(self.logged, self.scores[self.trainer.current_epoch] if self.scores else math.nan)

    def test_step(self, batch, batch_idx):
        self.validation_step(batch, batch_idx)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Batches:
    """Four batches of six rows, in a loader that is no list, which Lightning would take for several loaders."""

    def __init__(self):
        self.tensors = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.tensors)

    def __iter__(self):
        return iter(self.tensors)


@pytest.fixture
def scripted():
    """Constructor of the scripted module, from one seed."""

    def build(*args, **kwargs):
        torch.manual_seed(0)
        return Scripted(*args, **kwargs)

    return build


@pytest.fixture
def batches():
    """A loader of four batches."""
    return Batches()


@pytest.fixture
def trainer(tmp_path):
    """Constructor of a trainer on one CPU process that prints and writes nothing of its own."""

    def build(*callbacks, **options):
        defaults = {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 3,
            "logger": False,
            "log_every_n_steps": 1,
            "num_sanity_val_steps": 0,
            "enable_model_summary": False,
            "enable_checkpointing": any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
            "enable_progress_bar": any(isinstance(callback, ProgressBar) for callback in callbacks),
            "default_root_dir": tmp_path,
        }
        return Trainer(callbacks=list(callbacks), **{**defaults, **options})

    return build
