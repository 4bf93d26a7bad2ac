"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import torchheads

MODULES = sorted(module.name for module in pkgutil.walk_packages(torchheads.__path__, "torchheads."))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_classes_and_functions_have_an_example():
    for name in ("SoftmaxHead", "SigmoidHead", "CrossEntropy", "BinaryCrossEntropy", "Argmax", "Threshold", "TopK"):
        assert ">>> " in getattr(torchheads, name).__doc__, name
