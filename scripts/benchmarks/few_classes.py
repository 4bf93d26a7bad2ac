"""Cross-entropy and its gradient along rows, as torch takes logits, and along columns where classes are few.

    python scripts/benchmarks/few_classes.py --threads 1
    ATEN_CPU_CAPABILITY=avx2 python scripts/benchmarks/few_classes.py      # as on a machine with shorter registers

    rows           torch.nn.functional.cross_entropy
    torchheads     torchheads.losses.functional.index_cross_entropy

The contenders take turns; the ratio is that of the medians of their wall times. It is 1 where there is no detour.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from torchheads.few_classes import LANES, are_few
from torchheads.losses.functional import index_cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]
CONTENDERS: dict[str, Loss] = {"rows": F.cross_entropy, "torchheads": index_cross_entropy}
ROWS, CLASSES = (128, 512, 2048, 16384, 131072), (2, 3, 5, 7, 10, 15, 16, 30)


def seconds(loss: Loss, logits: Tensor, target: Tensor, repeats: int) -> float:
    """Wall time of a loss with its gradient."""
    start = time.perf_counter()
    for _ in range(repeats):
        logits.grad = None
        loss(logits, target).backward()
    return (time.perf_counter() - start) / repeats


def measure(rows: int, classes: int, rounds: int, dtype: torch.dtype) -> dict[str, float]:
    """Median seconds of each contender."""
    logits = torch.randn(rows, classes, dtype=dtype, requires_grad=True)
    target = torch.randint(classes, (rows,))
    repeats = max(1, 2**21 // (rows * classes * 16))
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, loss in CONTENDERS.items():
            times[name].append(seconds(loss, logits, target, repeats))
    return {name: median(values) for name, values in times.items()}


def main() -> None:
    """Time all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.dtype}, {options.threads} threads, {LANES} numbers in a register")
    print(f"{'rows':>8} {'classes':>8} {'rows us':>10} {'ours us':>10} {'ratio':>7}  way")
    for rows in ROWS:
        for classes in CLASSES:
            theirs, ours = measure(rows, classes, options.rounds, getattr(torch, options.dtype)).values()
            way = "columns" if are_few(torch.empty(rows, classes)) else "rows"
            print(f"{rows:8,} {classes:8} {theirs * 1e6:10.1f} {ours * 1e6:10.1f} {ours / theirs:7.2f}  {way}")


if __name__ == "__main__":
    main()
