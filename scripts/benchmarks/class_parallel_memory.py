"""Memory of each process that holds a part of a head's classes, against one process that holds all of them.

    python scripts/benchmarks/class_parallel_memory.py --output out.json        # 200,001 classes, 1, 2 and 4 processes

Held: bytes of weight, bias and Adam's two states, from the tensors themselves. Step: what one step adds to the resident
memory at its highest, gradients included (Linux; the kernel's high-water mark is reset before it). All: both, asked to
be at most 1.05 / W of what one process needs that holds all classes. Every process has the same examples.
"""

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.distributed import init_device_mesh

from torchheads import LabelLists, SigmoidHead, SoftmaxHead
from torchheads.heads import shard_classes

ALLOWED = 1.05
SECONDS = 240
HEADS = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def worker(rank: int, world: int, folder: str, link: str, examples: int, width: int, classes: int) -> None:
    """One of the processes; writes what it found."""
    meeting = f"file://{folder}/meeting_{link}_{world}"
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=world, timeout=timedelta(seconds=60)
    )
    torch.manual_seed(0)
    head = HEADS[link](width, classes, label_type="multi", path="chunked")
    shard_classes(head, init_device_mesh("cpu", (world,)))
    optimizer = torch.optim.Adam(head.parameters())
    features = torch.randn(examples, width)
    target = LabelLists.from_lists(torch.randint(0, classes, (examples, 5)).tolist(), classes)

    def step() -> None:
        head.loss(features, target).backward()

    step()
    optimizer.step()
    parts = [*head.parameters()]
    parts += [state for values in optimizer.state.values() for state in values.values() if state.ndim]
    held = sum(part.to_local().nbytes for part in parts) / 2**20
    optimizer.zero_grad()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    step()
    added = resident("VmHWM") - before
    found = {"held_mib": held, "step_mib": added, "all_mib": held + added}
    (Path(folder) / f"{link}_{world}_{rank}.json").write_text(json.dumps(found), encoding="utf-8")
    distributed.destroy_process_group()


def measure(link: str, world: int, examples: int, width: int, classes: int) -> dict[str, float]:
    """The largest of all processes' figures."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = [link, str(examples), str(width), str(classes)]
        environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
        ranks = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", str(rank), str(world), folder, *sizes], env=environment
            )
            for rank in range(world)
        ]
        try:
            codes = [rank.wait(timeout=SECONDS) for rank in ranks]
        finally:
            for rank in ranks:
                rank.kill()
        if any(codes):
            raise SystemExit(f"a process ended with {codes}")
        found = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob(f"{link}_{world}_*.json")]
        return {key: max(each[key] for each in found) for key in found[0]}


def main() -> None:
    """Measure both heads in 1, 2 and 4 processes; print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=256, help="N")
    parser.add_argument("--width", type=int, default=256, help="D")
    parser.add_argument("--classes", type=int, default=200_001, help="C")
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 2, 4], help="numbers of processes, 1 first")
    parser.add_argument("--output", type=Path, help="JSON file")
    options = parser.parse_args()
    sizes = (options.examples, options.width, options.classes)
    records = []
    columns = "".join(f"{name:>10}{'x W':>7}" for name in ("held MiB", "step MiB", "all MiB"))
    print(f"{'head':<9}{'processes':>9}{columns}   allowed {ALLOWED}")
    for link in HEADS:
        whole = measure(link, 1, *sizes)
        for world in options.worlds:
            found = whole if world == 1 else measure(link, world, *sizes)
            shares = {key: found[key] * world / whole[key] for key in found}
            records.append({"head": link, "processes": world, **found, "shares": shares})
            cells = "".join(f"{found[key]:10.1f}{shares[key]:7.3f}" for key in found)
            print(f"{link:<9}{world:>9}{cells}")
    if options.output:
        record = {"torch": torch.__version__, "sizes": sizes, "allowed": ALLOWED, "records": records}
        options.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        rank, world, folder, link, *sizes = sys.argv[2:]
        worker(int(rank), int(world), folder, link, *map(int, sizes))
    else:
        main()
