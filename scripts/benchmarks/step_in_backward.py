"""Time and memory of whole training steps with very many classes: with a gradient and an optimizer, and without.

    python scripts/benchmarks/step_in_backward.py --output out.json      # 1,000,000 classes; AdamW takes 4 GiB
    python scripts/benchmarks/step_in_backward.py --classes 100000

    adamw, sgd                       head.path=chunked, then the optimizer over weight and bias (torch's fused kernels)
    in backward: rowwise adam, sgd   `torchheads.heads.chunked.step_in_backward`, then the optimizer over the bias

A step is loss, backward and update on new features. Each contender runs in a process of its own: the first step is for
memory, as the kernel's high-water mark of resident memory beyond the head and its inputs (Linux), the others for time.
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from head_loss import resident

from torchheads import LabelLists, SigmoidHead, SoftmaxHead
from torchheads.heads import ClassificationHead, step_in_backward
from torchheads.linear import RowwiseAdam, Sgd
from torchheads.optim import adamw, sgd

CONTENDERS = ("adamw", "sgd", "in backward: rowwise adam", "in backward: sgd")


def optimizer_of(head: ClassificationHead, contender: str) -> torch.optim.Optimizer:
    """The optimizer of a contender; the head learns how to step where the contender steps in the backward pass."""
    if contender.startswith("in backward"):
        step_in_backward(head, RowwiseAdam(lr=1e-3) if "adam" in contender else Sgd(lr=1e-3))
    if "adam" in contender:
        return adamw(head, lr=1e-3)
    return sgd(head, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False)


def trained(options: argparse.Namespace) -> Callable[[], None]:
    """A training step of the contender, its optimizer made."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(options.examples, options.width, generator=generator).requires_grad_()
    index = torch.randint(0, options.classes, (options.examples, options.labels), generator=generator)
    kind = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}[options.link]
    head = kind(options.width, options.classes, label_type="multi", path="chunked")
    torch.nn.init.normal_(head.classifier.weight, std=0.05, generator=generator)
    target = LabelLists.from_lists(index.tolist(), options.classes)
    optimizer = optimizer_of(head, options.contender)

    def step() -> None:
        optimizer.zero_grad()
        features.grad = None
        head.loss(features, target).backward()
        optimizer.step()

    return step


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Figures of one contender, in this process."""
    small = argparse.Namespace(**{**vars(options), "classes": 2000, "examples": 32})
    trained(small)()  # what torch loads late is loaded
    step = trained(options)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = resident("VmRSS")
    step()
    peak = resident("VmHWM") - before
    times = []
    for _ in range(options.rounds):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"extra_peak_mib": peak, "seconds": median(times), "least_seconds": min(times)}


def main() -> None:
    """Measure every contender on both links, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=10, help="labels an example")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--link", choices=["softmax", "sigmoid"], help=argparse.SUPPRESS)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.contender:
        print(json.dumps(measure(options)))
        return
    weights = options.classes * options.width * 4 / 2**20
    print(f"torch {torch.__version__}, {options.threads} threads, {options.examples:,} examples of {options.width}")
    print(f"{options.classes:,} classes: weights of {weights:,.0f} MiB\n")
    print(f"{'':34} {'MiB beyond them':>16} {'seconds':>9} {'least':>9}")
    records = []
    for link in ("softmax", "sigmoid"):
        for contender in CONTENDERS:
            command = [sys.executable, *sys.argv, "--link", link, "--contender", contender]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            figures = json.loads(done.stdout.splitlines()[-1])
            records.append({"link": link, "contender": contender, **figures})
            name = f"{link} {contender}"
            times = f"{figures['seconds']:9.2f} {figures['least_seconds']:9.2f}"
            print(f"{name:34} {figures['extra_peak_mib']:16,.1f} {times}", flush=True)
    if options.output:
        sizes = {name: getattr(options, name) for name in ("examples", "width", "classes", "labels", "threads")}
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        options.output.write_text(
            json.dumps({"versions": versions, "sizes": sizes, "records": records}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
