"""Rows of the catalogue of bad input that show in a run: T09, T10, M10, M11, L03, L07, L08."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor, nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.data import Batch, Split
from torchheads.errors import DataError, HeadConfigError, TorchHeadsWarning
from torchheads.metrics import head_metrics
from torchheads.module import ClassificationModule, explain_single_row, look_for_absent_classes

D, NAMES = 4, ("cat", "dog", "cow")
HEADS = pytest.mark.parametrize("head", [SoftmaxHead, SigmoidHead])


def module_of(head: Any, backbone: nn.Module | None = None, **options: Any) -> ClassificationModule:
    return ClassificationModule(backbone or nn.Flatten(), head(D, 3, class_names=NAMES, **options))


class Batches(list[Batch]):
    """Batches as a loader would give them: Lightning takes a plain list for several loaders."""


def batches(*targets: Tensor) -> Batches:
    """One batch a target."""
    return Batches(Batch(torch.randn(len(y), D), y, torch.arange(len(y))) for y in targets)


def trainer_for(folder: Path) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    settings = {"accelerator": "cpu", "max_epochs": 1, "use_distributed_sampler": False, "num_sanity_val_steps": 0}
    return Trainer(default_root_dir=folder, enable_model_summary=False, **quiet, **settings)


def fit(module: ClassificationModule, *targets: Tensor, folder: Path) -> Trainer:
    """One epoch over one batch a target, then a validation."""
    trainer = trainer_for(folder)
    trainer.fit(module, batches(*targets), batches(labels(0, 1)))
    return trainer


def labels(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


@HEADS
def test_t09_a_batch_without_a_known_target_is_counted(head: Any, tmp_path: Path) -> None:
    module = module_of(head, label_type="single", ignore_index=-1)
    trainer = fit(module, labels(0, 1), labels(-1, -1), folder=tmp_path)
    assert trainer.callback_metrics["train/ignored_batches"].item() == 1
    assert trainer.callback_metrics["train/loss"].isfinite()
    assert all(parameter.isfinite().all() for parameter in module.parameters())


@HEADS
def test_t10_an_epoch_without_a_known_target(head: Any, tmp_path: Path) -> None:
    module = module_of(head, label_type="single", ignore_index=-1)
    with pytest.raises(
        DataError, match=r"^TH-T10: every target of epoch 0 .*allowed at least one.*Try: head\.ignore_index"
    ):
        fit(module, labels(-1, -1), labels(-1), folder=tmp_path)


@HEADS
def test_l07_an_empty_batch_in_training(head: Any, tmp_path: Path) -> None:
    trainer = fit(module_of(head, label_type="single"), labels(0, 1), labels(), folder=tmp_path)
    assert trainer.callback_metrics["train/ignored_batches"].item() == 1
    assert trainer.callback_metrics["train/loss"].isfinite()


@HEADS
def test_l07_an_empty_batch_leaves_metrics_as_they_are(head: Any) -> None:
    head = head(D, 3, label_type="single")
    metrics, again = head_metrics(head), head_metrics(head)
    for suite, parts in ((metrics, [(0, 4)]), (again, [(0, 0), (0, 4), (4, 4)])):
        for start, end in parts:
            logits = torch.linspace(-1, 1, 12).view(4, 3)[start:end]
            suite.update(head, logits, labels(0, 1, 2, 1)[start:end], None)
    assert again.compute() == metrics.compute()


@HEADS
def test_l08_a_batch_of_one_for_batch_norm(head: Any, tmp_path: Path) -> None:
    module = module_of(head, nn.BatchNorm1d(D), label_type="single")
    text = r"^TH-L08: a batch of 1 in training, of which BatchNorm .*; allowed 2 or more\. Try: data\.drop_last=true"
    with pytest.raises(DataError, match=text) as caught:
        fit(module, labels(0, 1), labels(1), folder=tmp_path)
    assert "Expected more than 1 value per channel" in str(caught.value.__cause__)


def test_l08_no_other_fault_is_taken_for_it() -> None:
    explain_single_row(ValueError("something else"), 1)  # raises nothing: the fault goes on as it is


@HEADS
def test_l03_a_head_of_another_width_than_its_backbone(head: Any) -> None:
    text = r"^TH-L03: Linear gives 7 features, \w+Head has in_features=4; allowed 7\. Try: in_features=backbone\.out"
    with pytest.raises(HeadConfigError, match=text):
        module_of(head, nn.Linear(16, 7))
    module_of(head, nn.Linear(16, D))
    module_of(head, nn.Flatten())  # which does not say


class Data(LightningDataModule):
    """Four rows, of which none is a cow."""

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = target

    def split(self, name: str) -> Split:
        return Split(torch.zeros(len(self.target), D), {"train": self.target}[name])

    def train_dataloader(self) -> Batches:
        return batches(self.target)

    def val_dataloader(self) -> Batches:
        return batches(self.target)


@pytest.mark.parametrize("multi", [False, True])
def test_m10_a_class_without_a_training_example(multi: bool, tmp_path: Path) -> None:
    target = labels(0, 1, 1, 0)
    target = nn.functional.one_hot(target, 3) if multi else target
    module = module_of(SigmoidHead, label_type="multi" if multi else "single")
    text = r"^TH-W02: 1 of 3 classes have no example in the training split: 'cow'\. Try: more training data"
    with pytest.warns(TorchHeadsWarning, match=text):
        trainer_for(tmp_path).fit(module, datamodule=Data(target))


def test_m10_all_classes_have_an_example() -> None:
    look_for_absent_classes(SigmoidHead(D, 3), torch.eye(3))
    look_for_absent_classes(SoftmaxHead(D, 3), labels(0, 2, 1))
    look_for_absent_classes(SoftmaxHead(D, 3), torch.zeros(2, 2, 2, dtype=torch.int64) + torch.tensor([[0, 1], [2, 0]]))


def test_m10_many_classes_are_cut_short() -> None:
    with pytest.warns(TorchHeadsWarning, match=r"TH-W02: 9 of 10 classes .*: '0', '1', '2', '4', '5', \.\.\.\. Try"):
        look_for_absent_classes(SoftmaxHead(D, 10), labels(3))


def test_m11_a_label_without_a_positive_has_no_metric_of_its_own() -> None:
    head = SigmoidHead(3, 3, classifier=nn.Identity(), class_names=NAMES)
    metrics = head_metrics(head)
    metrics.update(head, torch.tensor([[1.0, -1, 0], [-1.0, 1, 0]]), torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]), None)
    values = metrics.compute()
    assert values["mean_average_precision"] == 1.0  # of cat and dog, each ranked first where it is
    assert values["undefined_labels"] == 1
