"""How much longer ``from torchheads import SoftmaxHead, SigmoidHead`` takes than ``import torch``.

    python scripts/benchmarks/import_time.py --runs 9

The two are run in turn in fresh processes; the ratio of the medians is printed, and what was imported besides torch.
"""

import argparse
import os
import subprocess
import sys
import time
from statistics import median

CONTENDERS = {"torch": "import torch", "torchheads": "from torchheads import SoftmaxHead, SigmoidHead"}
UNWANTED = ("lightning", "hydra", "torchvision", "torchmetrics", "sklearn")


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs the code."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return time.perf_counter() - start


def main() -> None:
    """Time both contenders in turn and print medians and ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    for code in CONTENDERS.values():
        seconds(code)  # warm the file cache and the compiled bytecode
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(runs):
        for name, code in CONTENDERS.items():
            times[name].append(seconds(code))
    for name, values in times.items():
        print(f"{name:<11} median {median(values):.3f} s   (min {min(values):.3f}, max {max(values):.3f}, {runs} runs)")
    print(f"ratio       {median(times['torchheads']) / median(times['torch']):.3f}   (required: at most 1.1)")
    check = f"{CONTENDERS['torchheads']}; import sys; print([n for n in {UNWANTED} if n in sys.modules])"
    print("imported besides torch:", subprocess.check_output([sys.executable, "-c", check], text=True).strip())


if __name__ == "__main__":
    main()
