"""Time and memory of a classifier's loss and all its gradients, when classes are many.

    python scripts/benchmarks/head_loss.py --output out.json                             # 512 x 256, 100,000 classes
    python scripts/benchmarks/head_loss.py --examples 1024 --classes 1000000 --labels 10 --contenders torchheads
    python scripts/benchmarks/head_loss.py --device cuda --dtype bfloat16 --examples 8192 --width 1024 --classes 128000

    dense            nn.functional.linear, then cross_entropy or binary_cross_entropy_with_logits on a multi-hot target
    dense compiled   the same under torch.compile (left out where no compiler works)
    torch chunked    torch.nn.functional.linear_cross_entropy with its default options (torch 2.15 and later)
    liger            liger_kernel's fused linear cross-entropy (CUDA, where it is installed)
    cut              cut_cross_entropy's linear_cross_entropy (CUDA, where it is installed)
    torchheads       torchheads.linear: chunks of classes, class indices or label lists

A step is the mean loss over examples and the gradients of features, weight and bias. Time: the contenders take turns;
the median and the least of their wall times, and the median of the processor time, which other programs on the machine
disturb less. Memory: one step in a process of its own, after a small one has loaded what torch loads late; the kernel's
high-water mark of resident memory is reset right before the step (/proc/self/clear_refs, Linux) and read right after
it, so the extra peak is everything on top of the inputs: logits, gradients, scratch space of the matrix library. On
CUDA it is what torch's allocator counts. Inputs are features, weight, bias and the target in the form that the
contender takes. The share of the matmul rate counts the 6 N C D flops of a dense step against one product's rate.
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
from torch import Tensor
from torch.nn import functional as F

from torchheads.linear import linear_binary_cross_entropy, linear_cross_entropy
from torchheads.targets import LabelLists

Step = Callable[[], object]
CONTENDERS = ("dense", "dense compiled", "torch chunked", "torchheads")
PEERS = ("liger", "cut")  # of the softmax on CUDA, with class indices
REQUIRED = {"softmax": 0.90, "sigmoid": 0.80}  # time, of the dense one's; 0.80 is aimed at for the softmax too


class Problem:
    """Inputs of one size, and the losses of the contenders on them."""

    def __init__(
        self,
        link: str,
        examples: int,
        width: int,
        classes: int,
        labels: int,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        generator = torch.Generator(device).manual_seed(0)
        self.link, self.examples, self.classes = link, examples, classes
        made: Any = {"device": device, "dtype": getattr(torch, dtype)}
        self.features = torch.randn(examples, width, generator=generator, **made).requires_grad_()
        self.weight = torch.randn(classes, width, generator=generator, **made).mul_(0.05).requires_grad_()
        self.bias = torch.zeros(classes, **made).requires_grad_()
        self.index = torch.randint(0, classes, (examples, labels), generator=generator, device=device)
        self.inputs = (self.features, self.weight, self.bias)

    def loss(self, contender: str) -> Callable[[], Tensor]:
        """The mean loss as the contender writes it, its target made ready."""
        lists = LabelLists.from_lists(self.index.tolist(), self.classes).to(self.index.device)
        one = self.index.shape[1] == 1
        if contender == "torchheads" and self.link == "softmax":
            target = self.index[:, 0] if one else lists
            return lambda: linear_cross_entropy(*self.inputs, target) / self.examples
        if contender == "torchheads":
            return lambda: linear_binary_cross_entropy(*self.inputs, lists) / self.examples
        if contender == "torch chunked":
            return self.torch_chunked()
        if contender in PEERS:
            return self.peer(contender)
        dense = self.dense(self.index[:, 0] if one else self.shares(lists).to(self.weight.dtype), lists)
        return torch.compile(dense) if contender == "dense compiled" else dense

    def dense(self, target: Tensor, lists: LabelLists) -> Callable[[], Tensor]:
        """Both dense losses."""
        if self.link == "softmax":
            return lambda: F.cross_entropy(F.linear(*self.inputs), target)
        hot = lists.multi_hot(self.weight.dtype)
        scale = 1 / self.examples
        return lambda: F.binary_cross_entropy_with_logits(F.linear(*self.inputs), hot, reduction="sum") * scale

    def torch_chunked(self) -> Callable[[], Tensor]:
        """torch's own; only for class indices."""
        if self.link != "softmax" or self.index.shape[1] != 1 or not hasattr(F, "linear_cross_entropy"):
            raise NotImplementedError("torch has no such loss")
        target, options = self.index[:, 0].contiguous(), torch.nn.LinearCrossEntropyOptions()
        features, weight, bias = self.inputs
        return lambda: F.linear_cross_entropy(features, weight, target, linear_bias=bias, options=options)

    def peer(self, contender: str) -> Callable[[], Tensor]:
        """Another library's; only for class indices on CUDA."""
        if self.link != "softmax" or self.index.shape[1] != 1 or not self.index.is_cuda:
            raise NotImplementedError(f"{contender} has no such loss")
        target = self.index[:, 0].contiguous()
        features, weight, bias = self.inputs
        if contender == "liger":
            from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

            loss = LigerFusedLinearCrossEntropyLoss()
            return lambda: loss(weight, features, target, bias)
        from cut_cross_entropy import linear_cross_entropy as cut

        return lambda: cut(features, weight, target, bias=bias)

    @staticmethod
    def shares(lists: LabelLists) -> Tensor:
        """The uniform distribution over each set, (n, c)."""
        hot = lists.multi_hot(torch.float32)
        return hot.div_(hot.sum(dim=1, keepdim=True))

    def step(self, contender: str) -> Step:
        """Loss and fresh gradients."""
        loss = self.loss(contender)

        def run() -> None:
            for x in self.inputs:
                x.grad = None
            loss().backward()

        return run


# Memory ---------------------------------------------------------------------------------------------------------------


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def extra_peak(problem: Problem, contender: str) -> dict[str, float]:
    """MiB that a step takes at its peak beyond what stands in memory before it, and what its gradients take."""
    place = (str(problem.index.device), str(problem.weight.dtype).removeprefix("torch."))
    small = Problem(problem.link, 32, problem.features.shape[1], 1000, problem.index.shape[1], *place)
    step = problem.step(contender)
    (step if contender == "dense compiled" else small.step(contender))()  # what is compiled is compiled for one size
    for x in problem.inputs:
        x.grad = None
    gc.collect()
    if problem.index.is_cuda:
        return extra_peak_on_cuda(problem, step)
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = resident("VmRSS")
    step()
    return {"extra_peak_mib": resident("VmHWM") - before, "gradients_mib": gradients(problem)}


def gradients(problem: Problem) -> float:
    """MiB of all gradients of a problem."""
    return sum(x.grad.nbytes for x in problem.inputs if x.grad is not None) / 2**20


def extra_peak_on_cuda(problem: Problem, step: Step) -> dict[str, float]:
    """As `extra_peak`, by the count that torch's allocator keeps; the step is repeated, since the first may tune."""
    step()
    for x in problem.inputs:
        x.grad = None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    peak = torch.cuda.max_memory_allocated() - before
    return {"extra_peak_mib": peak / 2**20, "gradients_mib": gradients(problem)}


def measured_memory(options: argparse.Namespace, link: str, contender: str) -> dict[str, float]:
    """`extra_peak` in a process of its own; empty where the contender cannot run."""
    sizes = [str(value) for value in sizes_of(options).values()]
    command = [sys.executable, __file__, "--memory", link, contender, *sizes]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{link} {contender}: left out: {(done.stderr.strip().splitlines() or ['no message'])[-1][:150]}")
        return {}
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def memory_main(link: str, contender: str, *sizes: str) -> None:
    """What the process of its own does."""
    examples, width, classes, labels, threads = map(int, sizes[:5])
    torch.set_num_threads(threads)
    print(json.dumps(extra_peak(Problem(link, examples, width, classes, labels, *sizes[5:]), contender)))


# Time -----------------------------------------------------------------------------------------------------------------


def now() -> float:
    """The time, once a device has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def matmul_rate(problem: Problem, rounds: int = 5) -> float:
    """Flops a second of one matrix product of the size of the logits of at most 16,384 classes."""
    features, weight = problem.features.detach(), problem.weight.detach()[:16_384]
    times = []
    for _ in range(rounds + 1):
        start = now()
        features @ weight.T
        times.append(now() - start)
    return 2 * features.numel() * len(weight) / median(times[1:])


def measured_times(steps: dict[str, Step], rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of a step: the contenders take turns, after one step each that does not count."""
    wall: dict[str, list[float]] = {name: [] for name in steps}
    processor: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start, start_processor = now(), time.process_time()
            step()
            if turn:
                wall[name].append(now() - start)
                processor[name].append(time.process_time() - start_processor)
    return {
        name: {
            "seconds": median(wall[name]),
            "least_seconds": min(wall[name]),
            "processor_seconds": median(processor[name]),
        }
        for name in steps
    }


def compare(options: argparse.Namespace, link: str) -> list[dict[str, object]]:
    """All contenders on one link: a table on the screen, and its records."""
    memory = {name: measured_memory(options, link, name) for name in options.contenders}
    problem = Problem(
        link, options.examples, options.width, options.classes, options.labels, options.device, options.dtype
    )
    steps = {name: problem.step(name) for name, figures in memory.items() if figures}
    load = os.getloadavg()[0]
    times = measured_times(steps, options.rounds)
    load = max(load, os.getloadavg()[0])
    rate, least = (
        matmul_rate(problem),
        6 * options.examples * options.width * options.classes,
    )  # flops of dense gradients
    records = [
        {"link": link, "contender": name, **sizes_of(options), **times[name], **memory[name], "load": round(load, 2)}
        | {"share_of_matmul_rate": least / times[name]["seconds"] / rate}
        for name in steps
    ]
    show(records, link)
    return records


def sizes_of(options: argparse.Namespace) -> dict[str, Any]:
    """The sizes of a run by name, and where it ran."""
    names = ("examples", "width", "classes", "labels", "threads", "device", "dtype")
    return {name: getattr(options, name) for name in names}


def show(records: list[dict[str, object]], link: str) -> None:
    """The table of one link, each contender beside the dense one where that ran."""
    base = next((r for r in records if r["contender"] == "dense"), None)
    print(
        f"\n{link:<16} {'seconds':>9} {'least':>9} {'cpu s':>9} {'/ dense':>8} {'least /':>8} {'cpu /':>8} {'MiB':>9}"
    )
    for record in records:
        keys = ("seconds", "least_seconds", "processor_seconds")
        values = [float(str(record[key])) for key in keys]
        ratios = ["-" if base is None else f"{v / float(str(base[k])):.2f}" for k, v in zip(keys, values, strict=True)]
        figures = " ".join([*(f"{v:9.3f}" for v in values), *(f"{r:>8}" for r in ratios)])
        print(f"{record['contender']:<16} {figures} {float(str(record['extra_peak_mib'])):9.1f}")
    gradients = float(str(records[0]["gradients_mib"])) if records else 0
    print(f"gradients {gradients:.1f} MiB: allowed peak {1.10 * gradients + 8:.1f} MiB; required time {REQUIRED[link]}")
    if records:
        print(f"load of the machine {records[0]['load']}")


def main() -> None:
    """Measure every contender on both links, print the tables and write the JSON file."""
    if sys.argv[1:2] == ["--memory"]:
        return memory_main(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=1, help="labels an example; softmax takes indices if it is 1")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--links", nargs="+", default=["softmax", "sigmoid"])
    parser.add_argument("--contenders", nargs="+", default=CONTENDERS, choices=CONTENDERS + PEERS)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"], help="of features and weights")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, python {platform.python_version()}, {options.threads} threads, {sizes_of(options)}"
    )
    records = [record for link in options.links for record in compare(options, link)]
    if options.output:
        versions = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine()}
        options.output.write_text(json.dumps({"versions": versions, "records": records}, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
