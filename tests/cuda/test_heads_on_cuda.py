"""On a CUDA device both heads give what they give on the CPU, in every precision, and no training step waits for it.

Without a device the same tests run on the CPU alone, where they only show that they are written rightly.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.backbones import Cnn
from torchheads.build import quieten_lightning
from torchheads.callbacks import GradientClipping
from torchheads.data import ClassificationData, Split
from torchheads.decisions import Threshold
from torchheads.heads import ClassificationHead
from torchheads.metrics import head_metrics
from torchheads.module import ClassificationModule
from torchheads.targets import LabelLists

N, D, C = 64, 32, 7
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
cases = pytest.mark.parametrize("label_type", ["single", "multi"])
heads = pytest.mark.parametrize("kind", [SoftmaxHead, SigmoidHead])


def features() -> Tensor:
    return torch.randn(N, D, generator=torch.Generator().manual_seed(1))


def targets(label_type: str) -> Tensor:
    index = torch.arange(N) % C
    return index if label_type == "single" else nn.functional.one_hot(index, C).bool() | (torch.rand(N, C) < 0.2)


def made(kind: type[ClassificationHead], label_type: Any, path: Any = "dense") -> ClassificationHead:
    rule = {"decision": Threshold(0.3)} if label_type == "multi" else {}
    head = kind(D, C, label_type=label_type, path=path, **rule)
    nn.init.normal_(head.classifier.weight, std=0.2, generator=torch.Generator().manual_seed(2))
    return head


@devices
@heads
@cases
@pytest.mark.parametrize("path", ["dense", "chunked"])
def test_loss_gradients_and_answers_are_those_of_the_cpu(device: str, kind: Any, label_type: str, path: str) -> None:
    target, found = targets(label_type), {}
    for place in ("cpu", device):
        head, inputs = made(kind, label_type, path).to(place), features().to(place).requires_grad_()
        loss = head.loss(inputs, target.to(place))
        loss.backward()
        logits = head(inputs.detach()).detach()
        answers = (head.scores(logits), head.probabilities(logits), head.nll(logits, target.to(place)))
        tensors = (loss.detach(), inputs.grad, head.classifier.weight.grad, head.classifier.bias.grad, *answers)
        assert loss.device.type == logits.device.type == place
        found[place] = [tensor.cpu() for tensor in tensors], head.predict(logits).cpu()
    torch.testing.assert_close(found[device][0], found["cpu"][0], rtol=1e-4, atol=1e-5)
    assert torch.equal(found[device][1], found["cpu"][1])


@devices
@heads
def test_label_lists_are_counted_there(device: str, kind: Any) -> None:
    lists = LabelLists.from_lists([[row % C, (row + 2) % C] for row in range(N)], C)
    losses = [made(kind, "multi", "chunked").to(place).loss(features().to(place), lists.to(place)).cpu()
              for place in ("cpu", device)]  # fmt: skip
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-5)


@devices
@heads
@cases
def test_metrics_are_those_of_the_cpu(device: str, kind: Any, label_type: str) -> None:
    values = []
    for place in ("cpu", device):
        head = made(kind, label_type).to(place)
        metrics = head_metrics(head).to(place)
        for rows in torch.arange(N).to(place).split(24):
            metrics.update(head, head(features().to(place)[rows]).detach(), targets_at(label_type, place)[rows])
        values.append(metrics.compute())
    assert values[1] == pytest.approx(values[0], rel=1e-5, abs=1e-6, nan_ok=True)


def targets_at(label_type: str, place: str) -> Tensor:
    torch.manual_seed(0)
    return targets(label_type).to(place)


@devices
@heads
@cases
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("path", ["dense", "chunked"])
def test_autocast_is_near_and_answers_stay_in_float32(
    device: str, kind: Any, label_type: str, dtype: torch.dtype, path: str
) -> None:
    head, target = made(kind, label_type, path).to(device), targets(label_type).to(device)
    inputs = features().to(device).requires_grad_()
    exact = head.loss(inputs, target)
    with torch.autocast(device, dtype):
        loss, logits = head.loss(inputs, target), head(inputs)
        answers = head.scores(logits), head.probabilities(logits)
    loss.backward()
    torch.testing.assert_close(loss.float(), exact, rtol=2e-2, atol=2e-2)
    assert logits.dtype == dtype
    assert {answer.dtype for answer in answers} == {torch.float32}
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in head.parameters())


class Generated(ClassificationData):
    """Random pictures that lie on the trainer's device."""

    name, class_names, input_shape = "generated", tuple(map(str, range(C))), (1, 8, 8)

    def __init__(self, label_type: Any) -> None:
        super().__init__(batch_size=16, eval_batch_size=64)
        self.label_type = label_type

    def load_splits(self) -> dict[str, Split]:
        split = Split(torch.randint(0, 256, (N, *self.input_shape), dtype=torch.uint8), targets(self.label_type))
        return dict.fromkeys(("train", "val", "calibration", "test"), split)


class NoWaiting(Callback):
    """From the second step on, an operation that waits for the device is an error, from fetched batch to its end."""

    def __init__(self) -> None:
        self.steps = 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if batch_idx > 0 and pl_module.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        if pl_module.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
        self.steps += 1


@contextmanager
def default_mode_afterwards(device: str) -> Iterator[None]:
    try:
        yield
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")


@devices
@heads
@cases
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_no_training_step_waits(device: str, kind: Any, label_type: str, precision: Any, tmp_path: Path) -> None:
    quieten_lightning()
    backbone, watcher = Cnn((1, 8, 8), widths=(8,)), NoWaiting()
    module = ClassificationModule(backbone, kind(backbone.out_features, C, label_type=label_type))
    quiet: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "use_distributed_sampler": False, "num_sanity_val_steps": 0}
    trainer = Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision=precision,
        max_epochs=2,
        callbacks=[watcher, GradientClipping(1.0)],
        default_root_dir=tmp_path,
        **quiet,
    )
    with default_mode_afterwards(device), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*ynchronization debug mode is")  # torch, of its own mode
        trainer.fit(module, datamodule=Generated(label_type))
    assert watcher.steps == 8


@needs_cuda
def test_the_mode_sees_a_step_that_waits() -> None:
    value = torch.ones(1, device="cuda")
    with default_mode_afterwards("cuda"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
        with pytest.raises(RuntimeError, match="synchroniz"):
            value.item()
