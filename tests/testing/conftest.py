"""The heads broken on purpose, as a module, and what a process without shape checks says of compiled heads."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
SCRIPT = HERE / "transformed_heads.py"


def load(name: str) -> ModuleType:
    """A file of this folder as a module that pickle finds again."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def broken() -> ModuleType:
    """The heads broken on purpose, by the check that must find them."""
    return load("broken_heads")


@pytest.fixture(scope="session")
def transformed() -> dict[str, dict[str, str]]:
    """What checks that compile or export said: by head, by name; "" where they passed."""
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
