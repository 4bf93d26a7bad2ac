"""Images a second of the input pipeline: keyed crop, flip and normalise here, against torchvision with a DataLoader.

Arrays have the shape of Fashion-MNIST (60,000 x 28 x 28, uint8) and are made at run time. Both contenders give float
batches of 256 in a new random order, each image cropped with a border of 4, flipped with probability 1/2, normalised:

    torchvision   PIL image -> RandomCrop(28, padding=4) -> RandomHorizontalFlip -> ToTensor -> Normalize, DataLoader
                  without workers
    torchheads    the training loader of a data module

They take turns, and the ratio is that of the medians. Both use one
thread of torch unless --threads says otherwise. Run: python scripts/benchmarks/input_pipeline.py --output out.json
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from torchheads.data import Augmentation, ClassificationData, KeyedLoader, Split

BATCH_SIZE = 256
REQUIRED_RATIO = 25.0


class ImageArrays(Dataset[tuple[torch.Tensor, int]]):
    """Arrays as a torchvision data set serves them: a PIL image an item, through the transform."""

    def __init__(self, images: np.ndarray, target: np.ndarray) -> None:
        self.images = images
        self.target = target
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(28, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.5,), (0.25,)),
            ]
        )

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """One transformed image and its class."""
        return self.transform(Image.fromarray(self.images[index])), int(self.target[index])


class ImageTensors(ClassificationData):
    """The same arrays as a data module of torchheads."""

    name = "image_tensors"
    label_type = "single"
    class_names = tuple("0123456789")
    input_shape = (1, 28, 28)

    def __init__(self, images: np.ndarray, target: np.ndarray) -> None:
        super().__init__(
            batch_size=BATCH_SIZE,
            eval_batch_size=BATCH_SIZE,
            split_seed=0,
            seed=0,
            augment=Augmentation(shift=4, flip=True),
            drop_last=False,
        )
        self.arrays = Split(torch.from_numpy(images)[:, None], torch.from_numpy(target))

    def load_splits(self) -> dict[str, Split]:
        """The arrays as training split; a few rows stand for the others."""
        few = Split(self.arrays.input[:16], self.arrays.target[:16])
        return {"train": self.arrays, "val": few, "calibration": few, "test": few}


def images_a_second(loader: Iterable[tuple[torch.Tensor, ...]], batches: int) -> float:
    """Rate over the first ``batches`` batches of an epoch, its start (order, keys) included."""
    images = 0
    start = time.perf_counter()
    for number, batch in enumerate(loader, start=1):
        images += len(batch[0])
        if number == batches:
            break
    return images / (time.perf_counter() - start)


def keyed_epochs(loader: KeyedLoader) -> Callable[[], KeyedLoader]:
    """A function that moves the loader to its next epoch."""

    def next_epoch() -> KeyedLoader:
        loader.set_epoch(loader.sampler.epoch + 1)
        return loader

    return next_epoch


def measure(rows: int, repeats: int, torchvision_batches: int) -> dict[str, list[float]]:
    """Rates of both contenders, taking turns; torchvision reads a part of an epoch, torchheads a whole one."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(rows, 28, 28), dtype=np.uint8)
    target = rng.integers(0, 10, size=rows)
    slow = DataLoader(ImageArrays(images, target), batch_size=BATCH_SIZE, shuffle=True, num_workers=0)
    fast = keyed_epochs(ImageTensors(images, target).train_dataloader())
    rates: dict[str, list[float]] = {"torchvision": [], "torchheads": []}
    images_a_second(slow, 2)  # warm up
    images_a_second(fast(), 20)
    for _ in range(repeats):
        rates["torchvision"].append(images_a_second(slow, torchvision_batches))
        rates["torchheads"].append(images_a_second(fast(), rows))
    return rates


def main() -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--torchvision-batches", type=int, default=40, help="batches it reads of an epoch")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch, for both")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    rates = measure(options.rows, options.repeats, options.torchvision_batches)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratio = medians["torchheads"] / medians["torchvision"]
    print(f"{'images/s':12s} {'median':>12s} {'lowest':>12s} {'highest':>12s}")
    for name, values in rates.items():
        print(f"{name:12s} {medians[name]:12,.0f} {min(values):12,.0f} {max(values):12,.0f}")
    print(f"ratio of medians {ratio:.1f} (required: {REQUIRED_RATIO:.0f}), {options.threads} thread(s)")
    if options.output:
        versions = {"python": platform.python_version(), "torch": torch.__version__}
        record = {
            "images_a_second": rates,
            "medians": medians,
            "ratio": ratio,
            "required_ratio": REQUIRED_RATIO,
            "threads": options.threads,
            "rows": options.rows,
            "batch_size": BATCH_SIZE,
            "versions": {**versions, "torchvision": torchvision.__version__},
        }
        options.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
