"""Classes shared out over 4, 2 and 1 processes: the loss and gradients of one, and checkpoints that fit any number."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed import checkpoint

from torchheads import SigmoidHead

SCRIPT = Path(__file__).with_name("class_parallel_worker.py")
SECONDS = 120
SIZES = {4: [3, 3, 3, 2], 2: [6, 5]}


def run(world, folder, *arguments):
    """What each process found; all end within the time, and none is left."""
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "error::UserWarning", str(SCRIPT), str(rank), str(world), str(folder), *arguments],
            env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip
    try:
        said = [rank.communicate(timeout=SECONDS)[0] for rank in ranks]
    finally:
        for rank in ranks:
            if rank.poll() is None:
                os.killpg(rank.pid, signal.SIGKILL)
                rank.wait()
    assert [rank.returncode for rank in ranks] == [0] * world, "\n".join(said)
    return [json.loads((folder / f"{world}_{rank}.json").read_text()) for rank in range(world)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("class_parallel")


@pytest.fixture(scope="module")
def found(folder):
    """By number of processes; two of them load what four have saved."""
    four = run(4, folder)
    return {4: four, 2: run(2, folder, str(folder / "saved_by_4"))}


@pytest.mark.parametrize("world", [2, 4])
def test_loss_and_gradients_are_the_dense_ones(found, world):
    differences = {name: value for rank in found[world] for name, value in rank.items() if isinstance(value, float)}
    assert len(differences) == 9
    assert max(differences.values()) < 1e-6, differences


@pytest.mark.parametrize("world", [2, 4])
def test_each_process_holds_its_own_classes_alone(found, world):
    assert [rank["local"] for rank in found[world]] == [[size, 5 * size] for size in SIZES[world]]


@pytest.mark.parametrize("world", [2, 4])
def test_predictions_are_those_of_the_whole_head(found, world):
    for rank in found[world]:
        assert len(rank["predictions"]) == 15
        assert not [name for name, right in rank["predictions"].items() if not right]


def test_what_cannot_be_done_is_refused_in_every_process(found):
    for rank in found[2]:
        shared, criterion, label = rank["refused"]
        assert shared.startswith("TH-H28: the logits of all classes, which are shared out over processes")
        assert criterion.startswith("TH-H28: classes shared out over processes with Focal; allowed CrossEntropy")
        assert label.startswith("TH-T01: SoftmaxHead got class index 11")


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
def test_four_then_two_then_one(found, folder):
    """What two saved is to the last bit what four did: theirs alone would differ by rounding."""
    one = SigmoidHead(5, 11, path="chunked")
    nn.init.normal_(one.classifier.weight)
    state = {"head": one.state_dict()}
    four = {"head": SigmoidHead(5, 11).state_dict()}
    checkpoint.load(state, checkpoint_id=folder / "saved_by_2", no_dist=True)
    checkpoint.load(four, checkpoint_id=folder / "saved_by_4", no_dist=True)
    assert state["head"]["classifier.weight"].abs().max() > 0.5
    for name, value in state["head"].items():
        assert torch.equal(value, four["head"][name]), name
