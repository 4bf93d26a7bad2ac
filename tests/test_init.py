"""The front door: every public name, loaded on first use, and nothing heavy before that."""

import importlib
import subprocess
import sys

import pytest

import torchheads


def test_every_public_name_is_what_its_room_holds():
    for name in torchheads.__all__:
        value = getattr(torchheads, name)
        if name != "__version__":
            room = importlib.import_module(value.__module__)
            assert getattr(room, name) is value


def test_names_and_rooms_agree():
    assert set(torchheads._ROOM_OF_NAME) | {"__version__"} == set(torchheads.__all__)
    assert list(torchheads.__all__) == sorted(torchheads.__all__)
    assert set(torchheads.__all__) <= set(dir(torchheads))


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'torchheads' has no attribute 'SparsemaxHead'"):
        _ = torchheads.SparsemaxHead


def test_a_name_is_looked_up_once():
    first = torchheads.SoftmaxHead
    assert vars(torchheads)["SoftmaxHead"] is first


def test_torch_is_loaded_on_first_use_and_no_type_checker_ever():
    code = "import sys, torchheads; dir(torchheads); a = 'torch' in sys.modules; torchheads.SoftmaxHead; "
    code += "print(a, 'torch' in sys.modules, 'beartype' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
