"""Two processes give what one gives: the step, the number of rows tested, every metric."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORKER = Path(__file__).with_name("distributed_worker.py")
LAUNCHER = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"]


def run_worker(launcher: list[str], head: str, label_type: str, folder: Path) -> Any:
    """Run the worker script in its own process group under a time limit; nothing is left behind."""
    output = folder / "out.json"
    folder.mkdir()
    command = [sys.executable, *launcher, str(WORKER), head, label_type, str(output), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0, errors[-3000:]
    return json.loads(output.read_text())


@pytest.mark.parametrize(("head", "label_type"), [("softmax", "single"), ("softmax", "multi"), ("sigmoid", "multi")])
def test_two_processes_are_one(head: str, label_type: str, tmp_path: Path) -> None:
    one = run_worker([], head, label_type, tmp_path / "one")
    two = run_worker(LAUNCHER, head, label_type, tmp_path / "two")
    assert one["rows"] == two["rows"] == list(range(13))
    assert two["weight"] == pytest.approx(one["weight"], rel=1e-4, abs=1e-6)
    assert one["per_class"]["support"] == two["per_class"]["support"]
    for split, metrics in one["results"].items():
        assert two["results"][split] == pytest.approx(metrics, rel=1e-6, abs=1e-6, nan_ok=True), split
