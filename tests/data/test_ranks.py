"""Two real processes: ranks find their share by themselves, train disjoint rows and count every evaluated row once."""

import json
import os
import signal
import subprocess
import sys

import pytest

ROWS = 13
WORKER = """
import json, sys
import torch, torch.distributed as dist
from torchheads.data import EvaluationSampler, KeyedLoader, KeyedSampler, Split, channel_moments
from torchheads.data.readers import RowReader

rank, store, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
images = torch.zeros({rows}, 1, 2, 2, dtype=torch.uint8)
split, moments = Split(images, torch.zeros({rows})), channel_moments(images)
reader = RowReader(images)
training = KeyedLoader(reader, split, moments, KeyedSampler({rows}, 3, seed=0))
testing = KeyedLoader(reader, split, moments, EvaluationSampler({rows}, 4))  # both made before there is a process group
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
trained = [batch.index.tolist() for batch in training]
tested = [batch.index[: testing.real_rows(number)].tolist() for number, batch in enumerate(testing)]
json.dump({{"trained": trained, "tested": tested, "lengths": [len(training), len(testing)]}}, open(result, "w"))
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER.format(rows=ROWS), str(rank), folder / "store", folder / f"{rank}.json"],
            env=environment,
            start_new_session=True,
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_training_rows_are_disjoint_and_equally_many(ranks):
    sizes = [[len(batch) for batch in rank["trained"]] for rank in ranks]
    assert sizes == [[3, 3], [3, 3]]  # 13 = 2 full steps of 2 x 3 rows, and one row that is left out
    rows = [row for rank in ranks for batch in rank["trained"] for row in batch]
    assert len(set(rows)) == 12


def test_every_row_is_evaluated_once(ranks):
    assert sorted(row for rank in ranks for batch in rank["tested"] for row in batch) == list(range(ROWS))


def test_lengths_are_equal(ranks):
    assert ranks[0]["lengths"] == ranks[1]["lengths"] == [2, 2]
