"""Fine-tuning from the command line: what is frozen keeps its bits through a whole run, an interrupted one too."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from torchheads import SoftmaxHead
from torchheads.backbones import Cnn
from torchheads.build import load_module, quieten_lightning
from torchheads.cli import main
from torchheads.data import Digits
from torchheads.module import ClassificationModule

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
    "limit_val_batches": 0,
}


@pytest.mark.parametrize("backbone", [["torchvision"], ["timm", "backbone.name=resnet10t"]], ids=" ".join)
def test_a_run_from_the_command_line_leaves_frozen_stages_alone(backbone: list[str], tmp_path: Path) -> None:
    for lr, folder in (("1e-30", "still"), ("0.01", "moved")):
        options = ["backbone.freeze=2", "trainer=smoke", "optimizer.weight_decay=0", f"optimizer.lr={lr}"]
        main(["train", f"backbone={backbone[0]}", *backbone[1:], *options, f"hydra.run.dir={tmp_path / folder}"])
    still, moved = (load_module(tmp_path / name / "checkpoints" / "final.ckpt").backbone for name in ("still", "moved"))
    same = [
        all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
        for one, other in zip(still.stages(), moved.stages(), strict=True)
    ]
    assert same == [True, True, False, False, False]
    assert all(part.num_batches_tracked == 0 for part in moved.stages()[1].modules() if hasattr(part, "running_mean"))


def test_weights_of_one_run_are_the_start_of_another(tmp_path: Path) -> None:
    small = ["backbone=torchvision", "backbone.name=squeezenet1_1", "backbone.resize=32", "trainer=smoke"]
    main(["train", *small, f"hydra.run.dir={tmp_path / 'first'}"])
    checkpoint = tmp_path / "first" / "checkpoints" / "final.ckpt"
    options = [f"backbone.weights={checkpoint}", "backbone.freeze=true", "head=sigmoid"]
    main(["train", *small, *options, f"hydra.run.dir={tmp_path / 'second'}"])
    first, second = (load_module(tmp_path / name / "checkpoints" / "final.ckpt") for name in ("first", "second"))
    weights = second.backbone.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in first.backbone.state_dict().items())


class Save(Callback):
    """Saves after a step, wherever in the epoch that is."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def fit(callbacks: list[Callback], path: Path | None = None) -> ClassificationModule:
    """Four epochs of five steps, of which the first two leave the backbone frozen."""
    quieten_lightning()
    torch.manual_seed(0)
    module = ClassificationModule(Cnn((1, 8, 8), widths=(4, 4), freeze="until_epoch:2"), SoftmaxHead(4, 10))
    trainer = Trainer(max_epochs=4, callbacks=callbacks, **QUIET)
    trainer.fit(module, datamodule=Digits(batch_size=256), ckpt_path=path, weights_only=True)
    return module


@pytest.mark.parametrize("step", [2, 7, 10, 12])
def test_a_run_stopped_midway_goes_on_frozen_or_not_as_it_was(step: int, tmp_path: Path) -> None:
    whole = fit([Save(step, tmp_path / "midway.ckpt")])
    resumed = fit([], tmp_path / "midway.ckpt")
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_backbone_frozen_until_an_epoch_has_its_first_weights_until_then(epochs: int) -> None:
    quieten_lightning()
    backbone = Cnn((1, 8, 8), widths=(4, 4), freeze="until_epoch:2")
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    module = ClassificationModule(backbone, SoftmaxHead(4, 10))
    Trainer(max_epochs=epochs, **QUIET).fit(module, datamodule=Digits(batch_size=256))
    assert all(torch.equal(before[name], value) == (epochs < 3) for name, value in backbone.state_dict().items())
