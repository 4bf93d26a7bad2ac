"""Time of a head's step on a device: loss and all its gradients, against bare torch and against compiled torch.

    python scripts/benchmarks/head_step.py --output out.json
    python scripts/benchmarks/head_step.py --device cpu --examples 32 --width 16 --classes 10 --rounds 2 --no-compile

    bare                   nn.Linear, then cross_entropy or binary_cross_entropy_with_logits summed over classes / N
    bare compiled          the same under torch.compile
    torchheads             head.loss(features, target): class indices for softmax, a multi-hot for sigmoid
    torchheads compiled    the same, the head under torch.compile

Precision is that of autocast (bf16). The contenders take turns in rounds of many steps, one wait for the device at the
end of each; the ratio is that of the medians, to the contender of the same kind. `head_overhead.py` asks the same of
the CPU in processor time, `head_loss.py` of many classes.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from torchheads import SigmoidHead, SoftmaxHead

HEADS = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}
Loss = Callable[[Tensor, Tensor], Tensor]


def bare_loss(link: str, linear: nn.Linear) -> Loss:
    """The loss one writes by hand, in nats: mean over examples."""
    if link == "softmax":
        return lambda features, target: F.cross_entropy(linear(features), target)

    def loss(features: Tensor, target: Tensor) -> Tensor:
        logits = linear(features)
        return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="sum") / len(logits)

    return loss


def contenders(options: argparse.Namespace, link: str, classes: int) -> dict[str, Callable[[], object]]:
    """One step of each, with gradients of features, weight and bias."""
    torch.manual_seed(0)
    device = torch.device(options.device)
    features = torch.randn(options.examples, options.width, device=device, requires_grad=True)
    target = torch.randint(0, classes, (options.examples,), device=device)
    if link == "sigmoid":
        target = F.one_hot(target, classes).bool()
    head = HEADS[link](options.width, classes).to(device)
    nn.init.normal_(head.classifier.weight, std=0.05)
    linear = nn.Linear(options.width, classes).to(device)
    linear.load_state_dict(head.classifier.state_dict())
    losses: dict[str, Loss] = {"bare": bare_loss(link, linear), "torchheads": head.loss}
    if options.compile:
        losses |= {f"{name} compiled": torch.compile(loss) for name, loss in losses.items()}
    leaves = [features, *linear.parameters(), *head.parameters()]
    return {name: step(loss, features, target, leaves) for name, loss in losses.items()}


def step(loss: Loss, features: Tensor, target: Tensor, leaves: list[Tensor]) -> Callable[[], object]:
    """Loss and fresh gradients, under autocast."""

    def run() -> Tensor:
        for leaf in leaves:
            leaf.grad = None
        with torch.autocast(features.device.type, torch.bfloat16):
            value = loss(features, target)
        value.backward()
        return value.detach()

    return run


def seconds_a_step(run: Callable[[], object], device: str, steps: int) -> float:
    """Mean over a round of steps."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    for _ in range(steps):
        run()
    wait()
    return (time.perf_counter() - start) / steps


def compare(options: argparse.Namespace, link: str, classes: int) -> list[dict[str, Any]]:
    """Time all contenders of one case; a record each."""
    runs = contenders(options, link, classes)
    values = [float(run()) for run in runs.values()]  # type: ignore[arg-type]  # also what compiles them
    if max(values) - min(values) > 0.02 * abs(values[0]):
        raise SystemExit(f"{link}, C={classes}: the contenders differ in their loss: {values}")
    steps = {name: max(1, int(0.05 / seconds_a_step(run, options.device, 3))) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            times[name].append(seconds_a_step(run, options.device, steps[name]))
    records = []
    for name, taken in times.items():
        base = times["bare compiled" if "compiled" in name else "bare"]
        case = {"head": link, "classes": classes, "examples": options.examples, "width": options.width}
        figures = {"microseconds": 1e6 * median(taken), "ratio": median(taken) / median(base)}
        records.append({**case, "contender": name, **figures})
        print(f"{link:8} C={classes:<7,} {name:20} {figures['microseconds']:12,.1f} us   {figures['ratio']:6.3f}")
    return records


def main() -> None:
    """Time every case, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 1000, 21841])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    records = [record for classes in options.classes for link in HEADS for record in compare(options, link, classes)]
    if options.output:
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        options.output.write_text(json.dumps({"versions": versions, "records": records}, indent=2) + "\n")


if __name__ == "__main__":
    main()
