"""What a head adds to bare torch doing the same mathematics: forward and backward of the loss, and a look at a batch.

    python scripts/benchmarks/head_overhead.py --output out.json

    bare          nn.Linear, then nn.CrossEntropyLoss() or nn.BCEWithLogitsLoss(reduction="sum") / N, and backward()
    torchheads    head.loss(features, target), and backward(), with checks off and on

The contenders take turns in short rounds; the ratio is that of the medians of the processor time of a step. "look" is
the check of a batch of targets as the collate step does it, against a training step of a linear SigmoidHead on 256
features, the cheapest model there is.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.heads import ClassificationHead
from torchheads.optim import adamw

Step = Callable[[], object]
CASES = [  # examples, features, classes, checks, required ratio
    (512, 256, 1000, False, 1.02),
    (512, 256, 1000, True, None),
    (64, 256, 10, True, 1.10),
    (64, 256, 10, False, None),
    *((512, 256, classes, False, 1.02) for classes in (2, 10, 30, 100, 300)),
]


def bare_step(link: str, linear: nn.Linear, features: Tensor, target: Tensor) -> Step:
    """The step one writes by hand."""
    if link == "softmax":
        criterion: nn.Module = nn.CrossEntropyLoss()
        return lambda: criterion(linear(features), target).backward()
    criterion, count = nn.BCEWithLogitsLoss(reduction="sum"), len(features)
    return lambda: (criterion(linear(features), target) / count).backward()


def contenders(link: str, examples: int, width: int, classes: int, checks: bool) -> dict[str, Step]:
    """One step each, with gradients of features, weight and bias."""
    features = torch.randn(examples, width, requires_grad=True)
    target = torch.randint(0, classes, (examples,))
    if link == "sigmoid":
        target = (torch.rand(examples, classes) < 0.1).float()
    head: ClassificationHead = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}[link](width, classes, validate=checks)
    nn.init.normal_(head.classifier.weight, std=0.05)
    linear = nn.Linear(width, classes)
    linear.load_state_dict(head.classifier.state_dict())
    return {
        "bare": bare_step(link, linear, features, target),
        "torchheads": lambda: head.loss(features, target).backward(),
    }


def look_at_a_batch(dtype: torch.dtype, examples: int = 256, classes: int = 1000, width: int = 256) -> dict[str, Step]:
    """The check of a batch of label sets as a collate step makes it, and the step it is compared with."""
    features, target = torch.randn(examples, width), torch.rand(examples, classes) < 0.01
    head = SigmoidHead(width, classes, validate=False)
    optimizer = adamw(head)
    hot, collated = target.float(), target.to(dtype)

    def step() -> None:
        optimizer.zero_grad()
        head.loss(features, hot).backward()
        optimizer.step()

    return {"step": step, "look": lambda: head.form.check_values(collated)}


def rounds(steps: dict[str, Step], seconds: float) -> dict[str, list[float]]:
    """Processor time of a step in many short rounds, the contenders taking turns."""
    repeats = {}
    for name, step in steps.items():
        start = time.process_time()
        for _ in range(20):
            step()
        repeats[name] = max(1, int(0.005 * 20 / (time.process_time() - start)))
    times: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(repeats[name]):
                step()
            times[name].append((time.process_time() - start) / repeats[name])
    return times


def compare(label: str, steps: dict[str, Step], seconds: float, required: float | None) -> dict[str, object]:
    """Time the contenders, print a line and return it as a record."""
    times = rounds(steps, seconds)
    (first, ours), (second, theirs) = ((name, median(values)) for name, values in reversed(times.items()))
    ratio = ours / theirs
    wanted = "" if required is None else f"   (required: at most {required})"
    print(f"{label:<40} {second} {theirs * 1e6:9.1f} us   {first} {ours * 1e6:9.1f} us   ratio {ratio:.3f}{wanted}")
    return {"case": label, second: theirs, first: ours, "ratio": ratio, "required": required}


def main() -> None:
    """Time every case, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each case")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, python {platform.python_version()}, 1 thread, forward and backward")
    records = []
    for examples, width, classes, checks, required in CASES:
        for link in ("softmax", "sigmoid"):
            steps = contenders(link, examples, width, classes, checks)
            label = f"{link}, N={examples} C={classes}, checks {'on' if checks else 'off'}"
            records.append(compare(label, steps, options.seconds, required))
    for dtype in (torch.bool, torch.uint8, torch.float32):  # data sets keep label sets as bool
        label = f"a look at 256 x 1,000 targets, {str(dtype).removeprefix('torch.')}"
        records.append(compare(label, look_at_a_batch(dtype), options.seconds, 0.01))
    if options.output:
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        options.output.write_text(json.dumps({"versions": versions, "records": records}, indent=2) + "\n")


if __name__ == "__main__":
    main()
