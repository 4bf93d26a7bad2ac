"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import torchheads

# Rooms whose examples are run, from the bottom up.
ROOMS = """
    errors shapes targets losses decisions calibration heads backbones metrics data optim artifact callbacks loggers module
    testing allowed_targets config_checks run_folder predict terminal spreadsheet spreadsheet_text explain_options
    doctor_checks
""".split()


def modules():
    for room in ROOMS:
        found = importlib.import_module(f"torchheads.{room}")
        yield found.__name__
        yield from (part.name for part in pkgutil.walk_packages(getattr(found, "__path__", []), f"{found.__name__}."))


@pytest.mark.parametrize("name", sorted(modules()))
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_classes_and_functions_have_an_example():
    for name in ("SoftmaxHead", "SigmoidHead", "CrossEntropy", "BinaryCrossEntropy", "Argmax", "Threshold", "TopK"):
        assert ">>> " in getattr(torchheads, name).__doc__, name
