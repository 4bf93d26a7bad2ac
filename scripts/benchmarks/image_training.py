"""Images a second of training resnet18 on pictures in files, against a bare loop on tensors in memory; and a probe.

    python scripts/benchmarks/image_training.py --manifest aquarium.csv --root aquarium
    python scripts/benchmarks/image_training.py        # without data: noise JPEGs of the same number and size

Both contenders train the same network with the same optimizer on the same pixels, batch 32. The bare loop has float
tensors ready in memory and does nothing but steps; torchheads decodes the files once and runs under Lightning with
its loader, head, checks, metrics and callbacks. They take turns, epoch by epoch; the ratio is that of the medians. The
decoding is shown apart. The linear probe is an epoch on cached features against one that runs the frozen resnet18.
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from torchheads import SigmoidHead
from torchheads.backbones import TorchvisionBackbone
from torchheads.build import quieten_lightning
from torchheads.callbacks import BestCheckpoint, Progress, StartSummary
from torchheads.data import Manifest
from torchheads.frozen_features import cache_features
from torchheads.module import ClassificationModule
from torchheads.no_profiler import profile_nothing
from torchheads.optim import adamw

REQUIRED_RATIO, REQUIRED_PROBE = 0.95, 50.0
LR = 1e-3


def noise_manifest(folder: Path, rows: int = 448, labels: int = 7) -> Path:
    """JPEG files of 256 x 192 pixels and a manifest of random label sets."""
    rng = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "labels"])
        for row in range(rows):
            coarse = rng.integers(0, 256, size=(12, 16, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((256, 192)).save(folder / f"{row}.jpg", quality=90)
            writer.writerow([f"{row}.jpg", ";".join(f"label {label}" for label in rng.permutation(labels)[: row % 3])])
    return folder / "labels.csv"


class BareLoop:
    """What a short script does: tensors in memory, a permutation an epoch, step after step."""

    def __init__(self, images: Tensor, target: Tensor, network: torch.nn.Module, batch_size: int) -> None:
        self.images, self.target, self.network, self.batch_size = images, target, network, batch_size
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=LR)

    def epoch(self) -> float:
        """Train an epoch; its seconds."""
        self.network.train()
        start = time.perf_counter()
        for rows in torch.randperm(len(self.images)).split(self.batch_size):
            logits = self.network(self.images[rows])
            loss = F.binary_cross_entropy_with_logits(logits, self.target[rows], reduction="sum") / len(rows)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return time.perf_counter() - start


class Timed(ClassificationModule):
    """Times each training epoch from its first batch to its last, then gives the other contender its turn.

    It uses hooks that Lightning calls of every module, so that the clock is no callback that a run would not have.
    """

    other: BareLoop | None = None

    def on_train_start(self) -> None:
        """Prepare the lists."""
        self.ours: list[float] = []
        self.bare: list[float] = []
        super().on_train_start()

    def on_train_epoch_start(self) -> None:
        """Start the clock."""
        self.start = time.perf_counter()
        super().on_train_epoch_start()

    def on_train_batch_end(self, *arguments: Any) -> None:
        """Stop it at the last batch, before validation."""
        if self.trainer.is_last_batch:
            self.ours.append(time.perf_counter() - self.start)
            if self.other is not None:
                self.bare.append(self.other.epoch())


def train(
    data: Manifest, backbone: TorchvisionBackbone, epochs: int, other: BareLoop | None = None, probe: bool = False
) -> Timed:
    """Fit under Lightning with the callbacks of every run."""
    head = SigmoidHead(backbone.out_features, data.num_classes)
    module = Timed(backbone, head, optimizer=lambda module: adamw(module, lr=LR))
    module.other = other
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            logger=False,
            callbacks=[BestCheckpoint(), StartSummary(), Progress()],
            default_root_dir=folder,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
        profile_nothing(trainer)
        if probe:
            cache_features(trainer, module, data)
        trainer.fit(module, datamodule=data)
    return module


def measure(options: argparse.Namespace, path: Path, root: Path) -> dict[str, Any]:
    """All figures: seconds of decoding, images a second in each epoch of both contenders and of both probes."""

    def data() -> Manifest:
        return Manifest(path=str(path), root=str(root), image_size=options.size, batch_size=32, eval_batch_size=256)

    ours = data()
    start = time.perf_counter()
    ours.setup()
    decoding = time.perf_counter() - start
    split, epochs = ours.split("train"), options.epochs + 1  # the first of each is a warm-up
    bare = BareLoop(
        ours.standardise(split.input),
        split.target.float(),
        torch.nn.Sequential(backbone(ours), torch.nn.Linear(512, ours.num_classes)),
        batch_size=32,
    )
    both = train(ours, backbone(ours), epochs, bare)
    running = train(data(), backbone(ours, freeze=True), epochs)
    cached = train(data(), backbone(ours, freeze=True), epochs, probe=True)
    times = {
        "bare": both.bare,
        "torchheads": both.ours,
        "probe_running": running.ours,
        "probe_cached": cached.ours,
    }
    rows = len(split.input)
    return {
        "rows": rows,
        "pictures": sum(ours.num_samples.values()),
        "decoding_seconds": decoding,
        **{name: [rows / seconds for seconds in taken[1:]] for name, taken in times.items()},
    }


def backbone(data: Manifest, freeze: bool | None = None) -> TorchvisionBackbone:
    """A resnet18 without weights."""
    return TorchvisionBackbone(data.input_shape, name="resnet18", freeze=freeze)


def main() -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, help="CSV of pictures and label sets; noise without it")
    parser.add_argument("--root", type=Path, help="folder of the pictures")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures in pixels")
    parser.add_argument("--epochs", type=int, default=7, help="of each contender, after one to warm up")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    quieten_lightning()
    with tempfile.TemporaryDirectory() as folder:
        path = options.manifest or noise_manifest(Path(folder))
        figures = measure(options, path, options.root or path.parent)

    contenders = ("bare", "torchheads", "probe_running", "probe_cached")
    medians = {name: statistics.median(figures[name]) for name in contenders}
    print(f"{figures['pictures']} pictures decoded in {figures['decoding_seconds']:.2f} s, once")
    print(f"{'images/s':15s} {'median':>10s} {'lowest':>10s} {'highest':>10s}")
    for name in contenders:
        print(f"{name:15s} {medians[name]:10,.0f} {min(figures[name]):10,.0f} {max(figures[name]):10,.0f}")
    ratio, probe = medians["torchheads"] / medians["bare"], medians["probe_cached"] / medians["probe_running"]
    print(f"torchheads / bare {ratio:.3f} (required: {REQUIRED_RATIO}); ", end="")
    print(f"cached probe / frozen backbone {probe:.0f} (required: {REQUIRED_PROBE:.0f})")
    if options.output:
        record = figures | {
            "medians": medians,
            "ratio": ratio,
            "probe_ratio": probe,
            "threads": torch.get_num_threads(),
        }
        options.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
