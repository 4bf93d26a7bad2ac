"""What a training step costs under Lightning with everything torchheads adds, against a bare PyTorch loop.

    python scripts/benchmarks/step_overhead.py --steps 30 --repeats 3

Same model, same optimizer, same images in memory (28 x 28, gathered and standardised per batch in both). The two are
run in turn; the step times are medians, and the ratio is that of the medians. One thread pool for both.
"""

import argparse
import time
import warnings
from itertools import pairwise
from statistics import median

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.nn import functional as F

from torchheads import SoftmaxHead
from torchheads.backbones import Cnn, Mlp
from torchheads.callbacks import BestCheckpoint, Progress, StartSummary
from torchheads.data import Batch, ClassificationData, Split
from torchheads.module import ClassificationModule
from torchheads.optim import adamw, constant

CASES = {"cnn, batch 256": (Cnn, 256), "mlp, batch 64": (Mlp, 64)}
SHAPE = (1, 28, 28)


class Noise(ClassificationData):
    """Random images of 28 x 28 in ten classes, through the loader every data set uses."""

    name, label_type, class_names = "noise", "single", tuple("0123456789")
    input_shape = SHAPE

    def __init__(self, rows: int, batch_size: int) -> None:
        super().__init__(batch_size, 512, split_seed=0, seed=0, augment=None, drop_last=True)
        self.rows = rows

    def load_splits(self) -> dict[str, Split]:
        """Random bytes."""
        images = torch.randint(0, 256, (self.rows, *SHAPE), dtype=torch.uint8)
        split = Split(images, torch.randint(0, 10, (self.rows,)))
        few = Split(split.input[:64], split.target[:64])
        return {"train": split, "val": few, "calibration": few, "test": few}


class Clock(Callback):
    """Notes when each training batch begins."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Note the time."""
        self.starts.append(time.perf_counter())


def step_times(starts: list[float]) -> list[float]:
    """Seconds between beginnings, the first few steps left out."""
    return [after - before for before, after in pairwise(starts[3:])]


def lightning_steps(backbone: nn.Module, data: Noise, folder: str) -> list[float]:
    """Step times of a real run: metrics, callbacks and loader as ``python train.py`` has them."""
    clock = Clock()
    module = ClassificationModule(backbone, SoftmaxHead(backbone.out_features, 10), adamw, constant)
    callbacks = [clock, BestCheckpoint(), StartSummary(), Progress()]
    settings = {"use_distributed_sampler": False, "num_sanity_val_steps": 0, "enable_model_summary": False}
    Trainer(
        max_epochs=1, accelerator="cpu", logger=False, callbacks=callbacks, default_root_dir=folder, **settings
    ).fit(module, datamodule=data)
    return step_times(clock.starts)


def bare_steps(backbone: nn.Module, data: Noise) -> list[float]:
    """Step times of the loop one would write by hand."""
    head = nn.Linear(backbone.out_features, 10)
    model = nn.Sequential(backbone, head).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    images, target = data.split("train")
    mean, deviation = 127.5, 74.0
    starts = []
    for rows in torch.randperm(len(images)).split(data.batch_size):
        starts.append(time.perf_counter())
        inputs = (images[rows].float() - mean) / deviation
        loss = F.cross_entropy(model(inputs), target[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return step_times(starts)


def main() -> None:
    """Run every case and print a table."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.steps} steps x {options.repeats}"]
    for name, (kind, batch_size) in CASES.items():
        data = Noise(options.steps * batch_size, batch_size)
        data.setup()
        times: dict[str, list[float]] = {"bare": [], "torchheads": []}
        for _ in range(options.repeats):
            times["bare"] += bare_steps(kind(SHAPE), data)
            with tempfile.TemporaryDirectory() as folder:
                times["torchheads"] += lightning_steps(kind(SHAPE), data, folder)
        bare, ours = median(times["bare"]), median(times["torchheads"])
        figures = f"bare {bare * 1e3:8.2f} ms   torchheads {ours * 1e3:8.2f} ms   ratio {ours / bare:.3f}"
        lines.append(f"{name:<15} {figures}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
