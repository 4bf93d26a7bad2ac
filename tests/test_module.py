"""The training module: the same steps as a hand-written loop, whatever the head, the batches and the ranks."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.nn import functional as F

from torchheads import FittedThreshold, SigmoidHead, SoftmaxHead
from torchheads.calibration import Temperature
from torchheads.data import Batch, DigitCanvases, Digits
from torchheads.errors import DataError, FitError, NonFiniteError
from torchheads.module import ClassificationModule
from torchheads.optim import constant, sgd

SGD = partial(sgd, lr=0.1, momentum=0.0, weight_decay=0.0, nesterov=False)
STAND_STILL = partial(SGD, lr=1e-12)


def trainer_for(folder: Path, **settings: Any) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "use_distributed_sampler": False, "num_sanity_val_steps": 0}
    return Trainer(accelerator="cpu", default_root_dir=folder, **quiet, **settings)


class Batches(list[Batch]):
    """Batches as a loader would give them."""


def batches(*targets: torch.Tensor, masks: list[torch.Tensor | None] | None = None) -> Batches:
    """One batch a target: random input (n, 64), row ids, and masks."""
    random, parts = torch.Generator().manual_seed(0), zip(targets, masks or [None] * len(targets), strict=True)
    made = [(torch.randn(len(target), 64, generator=random), target, mask) for target, mask in parts]
    starts = [sum(len(target) for target in targets[:k]) for k in range(len(targets))]
    return Batches(
        Batch(x, target, start + torch.arange(len(x)), mask)
        for start, (x, target, mask) in zip(starts, made, strict=True)
    )


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


def test_while_the_calibrator_is_not_fitted_validation_judges_logits_as_they_are(tmp_path: Path) -> None:
    """The same metrics as without it while training; a test is refused until it is fitted, and then told apart."""
    data = Digits(batch_size=400)
    modules = [linear_module(SoftmaxHead, "single", calibrator=each) for each in (None, Temperature())]
    for module in modules:
        trainer = trainer_for(tmp_path, max_epochs=1)
        trainer.fit(module, datamodule=data)
    plain, module = modules
    assert module.results["val"] == plain.results["val"]
    with pytest.raises(FitError, match="TH-F01: Temperature was not fitted yet"):
        trainer.test(module, datamodule=data, verbose=False)
    trainer.predict(module, dataloaders=data.calibration_dataloader(), return_predictions=False)
    module.head.fit_held_out(module.collected.logits, module.collected.target)
    for each in modules:
        trainer.test(each, datamodule=data, verbose=False)
    assert module.results["test"]["nll"] < plain.results["test"]["nll"]
    assert module.results["test"]["accuracy"] == plain.results["test"]["accuracy"]
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


def test_every_evaluation_starts_afresh(tmp_path: Path) -> None:
    module, targets = linear_module(SoftmaxHead, "single"), (torch.tensor([1, 2, 3]), torch.tensor([4]))
    for target in targets:
        trainer_for(tmp_path).test(module, dataloaders=batches(target), verbose=False)
        assert sum(module.per_class["support"]) == len(target)


# What is unknown -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [SoftmaxHead, SigmoidHead])
def test_ignored_batches_are_counted_and_weigh_nothing(head: type, tmp_path: Path) -> None:
    """Known rows 3, 0, 1 and 0: the loss is the mean over four, and two batches had nothing."""
    targets = [torch.tensor(row) for row in ([1, 2, 3], [-1, -1], [4, -1], [-1])]
    data = batches(*targets)
    module = linear_module(head, "single", ignore_index=-1)
    module.optimizer_factory = STAND_STILL
    torch.nn.init.normal_(module.head.classifier.weight, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        known = [(batch.input[batch.target >= 0], batch.target[batch.target >= 0]) for batch in data]
        features, target = (torch.cat(parts) for parts in zip(*known, strict=True))
        expected = float(module.head.loss(features, target))
    trainer = trainer_for(tmp_path, max_epochs=1)
    trainer.fit(module, data, batches(targets[0]))
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(expected, rel=1e-5)
    assert trainer.callback_metrics["train/ignored_batches"].item() == 2


def test_no_word_of_ignored_batches_where_there_are_none(tmp_path: Path) -> None:
    trainer, target = trainer_for(tmp_path, max_epochs=1), torch.tensor([1, -1])
    trainer.fit(linear_module(SoftmaxHead, "single", ignore_index=-1), batches(target, target), batches(target))
    assert "train/ignored_batches" not in trainer.callback_metrics


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_epoch_of_ignored_targets_is_an_error(accumulate: int, tmp_path: Path) -> None:
    target = torch.full((3,), -1)
    module = linear_module(SoftmaxHead, "single", ignore_index=-1)
    trainer = trainer_for(tmp_path, max_epochs=1, accumulate_grad_batches=accumulate)
    with pytest.raises(
        DataError, match=r"TH-T10: every target of epoch 0 of training \(2 batches\) is ignored or masked"
    ):
        trainer.fit(module, batches(target, target), batches(torch.tensor([1])))


@pytest.mark.filterwarnings("ignore:.*is not resumable")  # a plain list of batches
def test_the_rest_of_a_resumed_epoch_may_be_ignored(tmp_path: Path) -> None:
    """Saved after the first of two batches, which had known targets; the second has none."""

    class Saver(Callback):
        """Saves after the first step."""

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == 1:
                trainer.save_checkpoint(tmp_path / "midway.ckpt")

    none, some = torch.full((2,), -1), torch.tensor([1, -1])
    module = linear_module(SoftmaxHead, "single", ignore_index=-1)
    trainer_for(tmp_path, max_epochs=1, callbacks=[Saver()]).fit(module, batches(some, none), batches(some))
    trainer = trainer_for(tmp_path, max_epochs=1)
    trainer.fit(module, batches(none, none), batches(some), ckpt_path=tmp_path / "midway.ckpt", weights_only=True)
    assert trainer.global_step == 2
    assert trainer.callback_metrics["train/ignored_batches"].item() == 1
    assert "train/loss" not in trainer.callback_metrics


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_evaluation_without_a_known_target_is_an_error(split: str, tmp_path: Path) -> None:
    target, mask = torch.ones(2, 10), torch.zeros(2, 10, dtype=torch.bool)
    module, trainer = linear_module(SigmoidHead, "multi"), trainer_for(tmp_path)
    run = trainer.validate if split == "val" else trainer.test
    with pytest.raises(DataError, match=rf"TH-T10: every target of the {split} split is ignored or masked"):
        run(module, dataloaders=batches(target, target, masks=[mask, mask]), verbose=False)
    assert split not in module.results


def test_a_sanity_check_may_meet_ignored_targets_alone(tmp_path: Path) -> None:
    """The first two batches of the validation have nothing known, the third has."""
    none, some = torch.full((2,), -1), torch.tensor([1, -1])
    module = linear_module(SoftmaxHead, "single", ignore_index=-1)
    settings = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        accelerator="cpu", default_root_dir=tmp_path, max_epochs=1, num_sanity_val_steps=2, enable_model_summary=False,
        use_distributed_sampler=False, **settings,
    )  # fmt: skip
    trainer.fit(module, batches(some), batches(none, none, some))
    assert module.results["val"]["nll"] == module.results["val"]["nll"]


@pytest.mark.parametrize("head", [SoftmaxHead, SigmoidHead])
def test_masked_entries_are_not_judged(head: type, tmp_path: Path) -> None:
    """The values are those of the same targets with other labels where nothing is known."""
    targets = [(torch.rand(9, 10) < 0.4).float() for _ in range(2)]
    masks: list[torch.Tensor | None] = [torch.rand(9, 10) < 0.6 for _ in range(2)]
    values = []
    for wrong in (False, True):
        given = [torch.where(mask, y, 1 - y) if wrong else y for y, mask in zip(targets, masks, strict=True)]
        module = linear_module(head, "multi", prior=0.3)
        torch.nn.init.normal_(module.head.classifier.weight, generator=torch.Generator().manual_seed(1))
        trainer_for(tmp_path).test(module, dataloaders=batches(*given, masks=masks), verbose=False)
        values.append((repr(module.results), repr(module.per_class)))
    assert values[0] == values[1]


def test_segmentation_from_end_to_end(tmp_path: Path) -> None:
    """Pictures (N, 1, 6, 5) with 255 for unlabelled pixels: training gets better, and labelled pixels alone count."""
    picture = torch.randn(8, 1, 6, 5)
    target = (picture[:, 0] > 0).long() + (picture[:, 0] > 1).long()
    target[:, 0] = 255
    parts = [Batch(picture[k : k + 4], target[k : k + 4], torch.arange(k, k + 4)) for k in (0, 4)]
    module = ClassificationModule(
        nn.Sequential(nn.Conv2d(1, 16, 1), nn.ReLU()), SoftmaxHead(16, 3, ignore_index=255), SGD, constant
    )
    trainer = trainer_for(tmp_path, max_epochs=60)
    trainer.fit(module, Batches(parts), Batches(parts))
    trainer.test(module, dataloaders=Batches(parts), verbose=False)
    kept, logits = target != 255, module.collected.logits
    right = (logits.argmax(dim=1) == target)[kept].double().mean().item()
    assert module.results["test"]["accuracy"] == pytest.approx(right)
    assert right > 0.8
    assert sum(module.per_class["support"]) == kept.sum() == 8 * 5 * 5
    loss = F.cross_entropy(logits, target, ignore_index=255).item()
    assert module.results["test"]["nll"] == pytest.approx(loss, rel=1e-5)


def test_the_head_is_saved_once() -> None:
    keys = list(linear_module(SigmoidHead, "single").state_dict())
    assert [key for key in keys if key.endswith("classifier.weight")] == ["head.classifier.weight"]


def test_a_loss_that_no_head_looks_at_stops_the_run_one_step_later(tmp_path: Path) -> None:
    module = ClassificationModule(nn.Flatten(), SoftmaxHead(64, 10, validate=False))
    nn.init.constant_(module.head.classifier.weight, float("nan"))
    trainer = trainer_for(tmp_path, max_epochs=1)
    with pytest.raises(NonFiniteError, match="TH-L01: the loss of step 0 is NaN or infinite"):
        trainer.fit(module, datamodule=Digits())
    assert trainer.global_step == 1
