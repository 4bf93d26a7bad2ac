"""Reading a checkpoint file: data only, and in our own words what a file is that cannot be read."""

import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from torchheads.artifact import not_ours, read_checkpoint, saved_configuration
from torchheads.errors import CheckpointCorrupt, CheckpointMismatch, UnsafeArtifact


class Payload:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    state = read_checkpoint(saved(tmp_path / "a.ckpt", {"state_dict": OrderedDict(a=torch.ones(2))}))
    assert torch.equal(state["state_dict"]["a"], torch.ones(2))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"no checkpoint at all", "the file is a text file (20 bytes)"),
        (b"class Text:\n    pass\n", "the file is a text file (21 bytes)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "the file is of another format (48 bytes)"),
        ("half", "the file is cut short or damaged"),
        ("folder", "is a folder, not a file"),
        (None, "there is no file"),
    ],
)
def test_what_a_file_is_is_said_in_our_words(content: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    if content == "folder":
        path.mkdir()
    elif content == "half":
        whole = saved(tmp_path / "whole.ckpt", {"a": torch.ones(1000)}).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointCorrupt) as caught:
        read_checkpoint(path)
    assert caught.value.code == "K01"
    assert str(path) in caught.value.problem
    assert words in caught.value.problem
    assert caught.value.remedy == "checkpoint=<run folder>/checkpoints/final.ckpt"
    assert not re.search(r"weights_only|PyTorch|pickle|zip", str(caught.value), re.IGNORECASE)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(CheckpointCorrupt, match=r"TH-K01: .*a\.ckpt holds a list, not a checkpoint"):
        read_checkpoint(saved(tmp_path / "a.ckpt", [1]))


def test_objects_are_named_and_never_made(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path = saved(tmp_path / "a.ckpt", {"state_dict": Payload(canary)})
    with pytest.raises(UnsafeArtifact, match=r"TH-K05: .*a\.ckpt holds a Python object \(\w+\.mkdir\)"):
        read_checkpoint(path)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists()  # it would have run


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"hyper_parameters": None, "state_dict": {}},
        {"hyper_parameters": {"lr": 1.0}, "state_dict": {}},
        {"hyper_parameters": {"config": {}, "facts": 3}, "state_dict": {}},
    ],
)
def test_a_checkpoint_without_our_configuration(state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointMismatch, match=r"TH-K03: a\.ckpt .* it holds no configuration of torchheads\. Try: "):
        saved_configuration("a.ckpt", state)


def test_a_checkpoint_without_weights() -> None:
    state = {"hyper_parameters": {"config": {"seed": 1}, "facts": {}}}
    with pytest.raises(CheckpointMismatch, match=r"TH-K03: .* it holds no weights"):
        saved_configuration("a.ckpt", state)
    assert saved_configuration("a.ckpt", state | {"state_dict": {}}) == ({"seed": 1}, {})
    assert not_ours("a.ckpt", "why", "last.ckpt").remedy == "<run folder>/checkpoints/last.ckpt"
