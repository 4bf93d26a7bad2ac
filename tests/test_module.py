"""The training module: the same steps as a hand-written loop, whatever the head, the batches and the ranks."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.nn import functional as F

from torchheads import FittedThreshold, SigmoidHead, SoftmaxHead
from torchheads.data import DigitCanvases, Digits
from torchheads.module import ClassificationModule
from torchheads.optim import constant, sgd

SGD = partial(sgd, lr=0.1, momentum=0.0, weight_decay=0.0, nesterov=False)
STAND_STILL = partial(SGD, lr=1e-12)


def trainer_for(folder: Path, **settings: Any) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "use_distributed_sampler": False, "num_sanity_val_steps": 0}
    return Trainer(accelerator="cpu", default_root_dir=folder, **quiet, **settings)


def linear_module(head: type, label_type: str, **options: Any) -> ClassificationModule:
    return ClassificationModule(nn.Flatten(), head(64, 10, label_type=label_type, **options), SGD, constant)


def test_a_run_is_the_loop_one_would_write(tmp_path: Path) -> None:
    data = Digits(batch_size=100)
    data.setup()
    module = linear_module(SoftmaxHead, "single")
    weight, bias = (copy.deepcopy(p.detach()).requires_grad_() for p in module.head.classifier.parameters())
    for batch in data.train_dataloader():
        loss = F.cross_entropy(batch.input.flatten(1) @ weight.T + bias, batch.target)
        for parameter, gradient in zip((weight, bias), torch.autograd.grad(loss, (weight, bias)), strict=True):
            parameter.data -= 0.1 * gradient
    trainer_for(tmp_path, max_epochs=1).fit(module, datamodule=data)
    torch.testing.assert_close(module.head.classifier.weight.detach(), weight.detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("head", [SoftmaxHead, SigmoidHead])
def test_accumulated_uneven_batches_give_the_mean_over_examples(head: type, tmp_path: Path) -> None:
    """One step over 4 uneven batches (400, 400, 349 rows: the last is shorter) equals one step over all rows."""
    weights = []
    for batch_size, accumulate in ((1149, 1), (400, 3)):
        module = linear_module(head, "single")
        trainer = trainer_for(tmp_path, max_epochs=1, accumulate_grad_batches=accumulate)
        trainer.fit(module, datamodule=Digits(batch_size=batch_size))
        weights.append(module.head.classifier.weight.detach())
    torch.testing.assert_close(weights[0], weights[1], atol=1e-7, rtol=1e-5)


def test_epoch_loss_is_weighted_by_examples(tmp_path: Path) -> None:
    module = linear_module(SoftmaxHead, "single")
    module.optimizer_factory = STAND_STILL
    trainer = trainer_for(tmp_path, max_epochs=1)
    trainer.fit(module, datamodule=Digits(batch_size=400))
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(2.302585, abs=1e-5)  # ln 10: equal classes


def test_prior_data_is_taken_from_the_train_split_once(tmp_path: Path) -> None:
    data = DigitCanvases(train_size=200, val_size=20, calibration_size=20, test_size=20)
    data.setup()
    module = ClassificationModule(nn.Flatten(), SigmoidHead(256, 10, prior="data"), STAND_STILL, constant)
    trainer = trainer_for(tmp_path, max_steps=1)
    trainer.fit(module, datamodule=data)
    torch.testing.assert_close(module.head.classifier.bias.detach(), data.prior().logit(), atol=1e-5, rtol=1e-5)

    module.load_state_dict({**module.state_dict(), "head.classifier.bias": torch.full((10,), 7.0)})
    trainer_for(tmp_path, max_steps=1).fit(module, datamodule=data)
    assert module.head.classifier.bias.tolist() == [7.0] * 10


def test_metrics_without_a_fitted_decision_then_with_it(tmp_path: Path) -> None:
    data = DigitCanvases(train_size=200, val_size=50, calibration_size=100, test_size=60)
    module = ClassificationModule(nn.Flatten(), SoftmaxHead(256, 10, label_type="multi"), SGD, constant)
    trainer = trainer_for(tmp_path, max_epochs=1)
    trainer.fit(module, datamodule=data)
    assert "mean_average_precision" in module.results["val"]
    assert "micro_f1" not in module.results["val"]

    assert isinstance(module.head.decision, FittedThreshold)
    trainer.predict(module, dataloaders=data.calibration_dataloader(), return_predictions=False)
    rows = module.collected
    assert rows.index.tolist() == list(range(100))
    module.head.decision.fit(module.head.scores(rows.logits), rows.target.bool())
    trainer.test(module, datamodule=data, verbose=False)
    fitted, default = module.results["test"]["micro_f1"], module.results["test_default_decision"]["micro_f1"]
    assert fitted > default
    assert module.results["test"]["brier"] == module.results["test_default_decision"]["brier"]


def test_checkpoint_loads_as_data_alone_and_holds_plain_values(tmp_path: Path) -> None:
    module = ClassificationModule(
        nn.Flatten(), SoftmaxHead(64, 10), SGD, constant, hyper_parameters={"facts": {"class_names": ["a", "b"]}}
    )
    trainer = trainer_for(tmp_path, max_steps=1)
    trainer.fit(module, datamodule=Digits())
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert saved["hyper_parameters"] == {"facts": {"class_names": ["a", "b"]}}


def test_compiled_in_place_keeps_the_keys_of_the_state() -> None:
    module = linear_module(SigmoidHead, "single")
    before = list(module.state_dict())
    module.backbone.compile()
    module.head.compile()
    assert list(module.state_dict()) == before


def test_padding_rows_are_cut(tmp_path: Path) -> None:
    class Padded:
        """Three real rows in two batches of two."""

        def __init__(self, batches: list[Any]) -> None:
            self.batches = batches

        def __iter__(self) -> Any:
            return iter(self.batches)

        def __len__(self) -> int:
            return 2

        def real_rows(self, batch_idx: int) -> int:
            return (2, 1)[batch_idx]

    data = Digits(eval_batch_size=2)
    data.setup()
    batches = [batch for batch, _ in zip(data.test_dataloader(), range(2), strict=False)]
    module = linear_module(SoftmaxHead, "single")
    trainer_for(tmp_path).test(module, dataloaders=Padded(batches), verbose=False)
    assert len(module.collected.index) == 3
    assert sum(module.per_class["support"]) == 3
