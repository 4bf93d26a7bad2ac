"""Shapes that the signatures promise are checked while the tests run, and every test starts from the same seed.

Signatures of floors 0 to 3 carry jaxtyping shapes. An import hook makes them checks, in this process alone: the package
that users import is never slowed down, and tests that compile or export run in a process of their own, without it.
"""

import os
import sys
from types import ModuleType
from typing import Any, get_args

import hypothesis
import jaxtyping
import pytest

# Rooms whose signatures are checked. A room must not be imported before the hook stands, so this file imports none.
CHECKED_ROOMS = (
    *("buffers", "shapes", "targets", "links", "losses", "decisions", "calibration", "guarantees", "linear", "images"),
    *("heads", "fitting", "tail_bounds", "few_classes"),
)

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported; the tensors of these tests are small

# The same examples every time: what fails for one person fails for the next one too.
hypothesis.settings.register_profile("torchheads", max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("torchheads")


def mentions_shape(hint: Any) -> bool:
    """Whether a type hint, or a part of it, is a jaxtyping array."""
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(mentions_shape(part) for part in get_args(hint))


def check_shapes(function: Any) -> Any:
    """Check a function's shapes and leave its other hints alone.

    What else a user may pass wrongly (a label type, a number of classes) is refused by errors of our own, whose tests
    could never reach them if the type checker answered first.
    """
    from beartype import beartype

    function.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if mentions_shape(hint)}
    return beartype(function) if function.__annotations__ else function


def install_shape_checks() -> None:
    """Install the hook. It takes its checker as text to evaluate, hence the module made here to name it by."""
    rooms = [f"torchheads.{room}" for room in CHECKED_ROOMS]
    early = [name for name in sys.modules if name.startswith(tuple(rooms))]
    if early:
        raise RuntimeError(f"imported before the shape checks stood: {early}")
    module = ModuleType("torchheads_shape_checker")
    module.check_shapes = check_shapes  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    jaxtyping.install_import_hook(rooms, f"{module.__name__}.check_shapes")


install_shape_checks()


@pytest.fixture(autouse=True)
def _same_seed() -> None:
    """No test depends on those that ran before it."""
    import torch

    torch.manual_seed(0)
