"""Loss and gradients of a head at every position of a feature map, against a 1 x 1 convolution and torch's loss.

    python scripts/benchmarks/positions.py --threads 1

    bare           nn.Conv2d(D, C, 1), then nn.CrossEntropyLoss(ignore_index=255) or nn.BCEWithLogitsLoss()
    torchheads     SoftmaxHead(D, C, ignore_index=255) or SigmoidHead(D, C), validate=False

Gradients of features, weight and bias. The contenders take turns; the ratio is that of the medians of their wall times.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.heads import ClassificationHead

Step = Callable[[], object]
MAPS = ((2, 16, 5, 128), (2, 64, 12, 64), (2, 256, 21, 64), (8, 512, 2, 7))  # examples, features, classes, side
UNKNOWN = 255


def contenders(link: str, examples: int, width: int, classes: int, side: int, unknown: bool) -> dict[str, Step]:
    """One step each."""
    features = torch.randn(examples, width, side, side, requires_grad=True)
    conv = nn.Conv2d(width, classes, 1)
    head: ClassificationHead
    if link == "softmax":
        target = torch.randint(classes, (examples, side, side))
        target[:, 0] = UNKNOWN if unknown else 0
        head = SoftmaxHead(width, classes, ignore_index=UNKNOWN if unknown else None, validate=False)
        criterion: nn.Module = nn.CrossEntropyLoss(ignore_index=UNKNOWN)
    else:
        target = (torch.rand(examples, classes, side, side) < 0.1).float()
        head = SigmoidHead(width, classes, label_type="multi", validate=False)
        criterion = nn.BCEWithLogitsLoss()
    nn.init.normal_(head.classifier.weight, std=0.05)
    return {
        "bare": lambda: criterion(conv(features), target).backward(),
        "torchheads": lambda: head.loss(features, target).backward(),
    }


def milliseconds(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Median wall time of a step of each contender."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(5):
                step()
            times[name].append((time.perf_counter() - start) / 5 * 1e3)
    return {name: median(values) for name, values in times.items()}


def main() -> None:
    """Time all maps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads")
    print(f"{'features, classes':<24} {'loss':<18} {'bare ms':>9} {'ours ms':>9} {'ratio':>6}")
    for examples, width, classes, side in MAPS:
        for link, unknown in (("softmax", False), ("softmax", True), ("sigmoid", False)):
            steps = contenders(link, examples, width, classes, side, unknown)
            bare, ours = milliseconds(steps, options.rounds).values()
            shape = f"{examples} x {width} x {side} x {side}, {classes}"
            label = f"{link}, unknown" if unknown else link
            print(f"{shape:<24} {label:<18} {bare:9.2f} {ours:9.2f} {ours / bare:6.2f}")


if __name__ == "__main__":
    main()
