"""Images a second of training under Lightning with everything torchheads adds, against a bare compiled PyTorch loop.

    python scripts/benchmarks/gpu_training.py --output out.json                 # resnet18 on 50,000 of 32 x 32
    python scripts/benchmarks/gpu_training.py --backbone resnet50 --size 224 --classes 1000 --examples 12800 --batch 256
    python scripts/benchmarks/gpu_training.py --smoke                         # a toy on the CPU: is everything wired?

Generated pictures lie on the device as bytes, in both. Same network (channels last, compiled), same precision
(autocast), same optimizer, same batches and standardisation; cross-entropy for `softmax`, binary cross-entropy summed
over classes for `sigmoid`. The bare loop does nothing but steps; torchheads has its loader, head, metrics, checks and
callbacks. They take turns, epoch by epoch, after one each to warm up; the ratio is that of the medians. Peak memory
(CUDA alone) is measured before that, of a few steps of each by itself, beyond what stands in memory before.
"""

import argparse
import gc
import json
import platform
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.backbones import TorchvisionBackbone
from torchheads.build import quieten_lightning
from torchheads.callbacks import BestCheckpoint, StartSummary
from torchheads.data import ClassificationData, Split
from torchheads.module import ClassificationModule
from torchheads.optim import adamw

REQUIRED_RATIO = 0.95
HEADS = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}
LR, LABELS = 1e-3, 3
SMOKE = ["--device=cpu", "--size=32", "--classes=3", "--examples=24", "--batch=8", "--epochs=1", "--no-compile"]


class Generated(ClassificationData):
    """Random pictures with random labels, through the loader that every data set uses."""

    name = "generated"

    def __init__(self, options: argparse.Namespace, label_type: Any) -> None:
        super().__init__(options.batch, options.batch, drop_last=True)
        self.options, self.label_type = options, label_type
        self.class_names = tuple(map(str, range(options.classes)))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Three channels."""
        return (3, self.options.size, self.options.size)

    def load_splits(self) -> dict[str, Split]:
        """Bytes; every class once at least, and three labels each where there may be several."""
        examples, classes = self.options.examples, self.options.classes
        images = torch.randint(0, 256, (examples, *self.input_shape), dtype=torch.uint8)
        target = torch.arange(examples) % classes
        if self.label_type == "multi":
            chosen = torch.stack([(target + step) % classes for step in range(LABELS)], dim=1)
            target = torch.zeros(examples, classes, dtype=torch.bool).scatter_(1, chosen, True)
        few = Split(images[: self.options.batch], target[: self.options.batch])
        return {"train": Split(images, target), "val": few, "calibration": few, "test": few}


def wait(device: torch.device) -> float:
    """The time, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def backbone(data: Generated) -> TorchvisionBackbone:
    """A fresh network, channels last."""
    made = TorchvisionBackbone(data.input_shape, name=data.options.backbone)
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class BareLoop:
    """What one writes by hand: everything on the device, a permutation an epoch, step after step."""

    def __init__(self, data: Generated, head: str) -> None:
        self.options, self.head = data.options, head
        self.device = torch.device(data.options.device)
        images, target, *_ = data.split("train")
        self.images, self.target = images.to(self.device), target.to(self.device)
        self.mean, self.deviation = (values.to(self.device).view(1, -1, 1, 1) for values in data.standardised_by)
        network = backbone(data)
        self.model = nn.Sequential(network, nn.Linear(network.out_features, data.num_classes)).to(self.device)
        self.model.train()
        if data.options.compile:
            self.model.compile()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=LR)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The mean loss of a batch, in nats."""
        if self.head == "softmax":
            hot = target if target.ndim == 1 else target / target.sum(dim=1, keepdim=True)
            return F.cross_entropy(logits, hot)
        hot = F.one_hot(target, self.options.classes) if target.ndim == 1 else target
        return F.binary_cross_entropy_with_logits(logits, hot.to(logits.dtype), reduction="sum") / len(logits)

    def epoch(self, steps: int | None = None) -> float:
        """Train an epoch, or a few steps; its seconds."""
        precision = torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.precision == "bf16-mixed")
        start = wait(self.device)
        order = torch.randperm(len(self.images)).to(self.device)
        for rows in order.split(self.options.batch)[: len(order) // self.options.batch][:steps]:
            inputs = (self.images[rows].float() - self.mean) / self.deviation
            with precision:
                loss = self.loss(self.model(inputs), self.target[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return wait(self.device) - start


class Turns(Callback):
    """Times each training epoch from its first batch to its last, then gives the other contender its turn."""

    def __init__(self, other: BareLoop | None = None) -> None:
        self.other = other
        self.ours: list[float] = []
        self.bare: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.start = wait(pl_module.device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        """Stop it at the last batch, before validation."""
        if trainer.is_last_batch:
            self.ours.append(wait(pl_module.device) - self.start)
            if self.other is not None:
                self.bare.append(self.other.epoch())


def train(data: Generated, head: str, turns: Turns, **limits: Any) -> None:
    """Fit under Lightning with the callbacks of every run."""
    network = backbone(data)
    made = HEADS[head](network.out_features, data.num_classes, label_type=data.label_type)
    module = ClassificationModule(network, made, optimizer=lambda module: adamw(module, lr=LR))
    if data.options.compile:
        module.backbone.compile()
        module.head.compile()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"enable_model_summary": False, "enable_progress_bar": False, "use_distributed_sampler": False}
        Trainer(
            accelerator="gpu" if data.options.device == "cuda" else "cpu",
            devices=1,
            precision=data.options.precision,
            logger=False,
            callbacks=[turns, BestCheckpoint(), StartSummary()],
            default_root_dir=folder,
            num_sanity_val_steps=0,
            **settings,
            **limits,
        ).fit(module, datamodule=data)


def peak(data: Generated, head: str, contender: str) -> float | None:
    """MiB that a few steps of a contender take at their peak, weights and data included; None without CUDA."""
    if data.options.device != "cuda":
        return None
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    if contender == "bare":
        BareLoop(data, head).epoch(steps=3)
    else:
        train(data, head, Turns(), max_epochs=1, limit_train_batches=3, limit_val_batches=1)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def compare(options: argparse.Namespace, label_type: str, head: str) -> dict[str, Any]:
    """Both contenders on one head and label type."""
    torch.manual_seed(0)
    data = Generated(options, label_type)
    data.setup()
    memory = {f"{name}_peak_mib": peak(data, head, name) for name in ("bare", "torchheads")}
    record: dict[str, Any] = {"head": head, "label_type": label_type, **sizes(options), **memory}
    if options.memory:
        return record
    turns = Turns(BareLoop(data, head))
    train(data, head, turns, max_epochs=options.epochs + 1)
    images = options.examples // options.batch * options.batch
    bare, ours = (median(images / seconds for seconds in times[1:]) for times in (turns.bare, turns.ours))
    spread = max(abs(images / seconds / ours - 1) for seconds in turns.ours[1:])
    return record | {"bare_images_s": bare, "torchheads_images_s": ours, "ratio": ours / bare, "spread": spread}


def sizes(options: argparse.Namespace) -> dict[str, Any]:
    """What was run, by name."""
    names = ("backbone", "size", "classes", "examples", "batch", "epochs", "precision", "compile", "device")
    return {name: getattr(options, name) for name in names}


def show(record: dict[str, Any]) -> None:
    """One line."""
    figures = {key: value for key, value in record.items() if isinstance(value, float)}
    words = "   ".join(f"{key} {value:,.3f}" if value < 10 else f"{key} {value:,.0f}" for key, value in figures.items())
    print(
        f"{record['backbone']} {record['head']} {record['label_type']}: {words or 'no figures without CUDA'}",
        flush=True,
    )


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The options; sizes are those of a toy where ``--smoke`` is among them, whatever else is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--backbone", default="resnet18", help="a classification model of torchvision")
    parser.add_argument("--heads", nargs="+", default=["softmax", "sigmoid"], choices=sorted(HEADS))
    parser.add_argument("--label-types", nargs="+", default=["single"], choices=["single", "multi"])
    parser.add_argument("--size", type=int, default=32, help="side of the pictures in pixels")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=5, help="of each contender, after one to warm up")
    parser.add_argument("--precision", default="bf16-mixed", choices=["bf16-mixed", "32-true"])
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--memory", action="store_true", help="peak memory alone")
    parser.add_argument("--smoke", action="store_true", help="a toy on the CPU")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    typed = sys.argv[1:] if words is None else words
    return parser.parse_args([*typed, *SMOKE] if "--smoke" in typed else typed)


def main() -> None:
    """Measure every head on every label type, print a line each and write the JSON file."""
    options = arguments()
    quieten_lightning()
    warnings.simplefilter("ignore")
    torch.set_float32_matmul_precision("high")
    records = []
    for label_type in options.label_types:
        for head in options.heads:
            records.append(compare(options, label_type, head))
            show(records[-1])
    print(f"required: a ratio of {REQUIRED_RATIO} at least")
    if options.output:
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        options.output.write_text(json.dumps({"versions": versions, "records": records}, indent=2) + "\n")


if __name__ == "__main__":
    main()
