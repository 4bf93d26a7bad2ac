"""Errors: one base, the built-in each belongs to, the one line a user reads, and a trip through pickle."""

import copy
import inspect
import pickle

import pytest

from torchheads import errors
from torchheads.errors import TorchHeadsError

BUILT_IN = {
    "TargetError": ValueError,
    "LogitsError": ValueError,
    "HeadConfigError": ValueError,
    "DataError": ValueError,
    "FitError": ValueError,
    "NonFiniteError": RuntimeError,
    "CheckpointError": RuntimeError,
    "CheckpointCorrupt": RuntimeError,
    "CheckpointMismatch": RuntimeError,
    "UnsafeArtifact": RuntimeError,
}
CHILDREN = [getattr(errors, name) for name in BUILT_IN]


def test_no_error_is_missing_here():
    found = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert found == {*BUILT_IN, "TorchHeadsError", "TorchHeadsWarning"}


def test_a_warning_reads_like_an_error_and_points_at_the_caller():
    def library():
        errors.warn("W01", "what came", "what to type")

    with pytest.warns(errors.TorchHeadsWarning, match=r"^TH-W01: what came\. Try: what to type$") as caught:
        library()
    assert caught[0].filename == __file__


@pytest.mark.parametrize("child", CHILDREN)
def test_each_is_ours_and_a_built_in(child):
    assert issubclass(child, TorchHeadsError)
    assert issubclass(child, BUILT_IN[child.__name__])
    with pytest.raises(BUILT_IN[child.__name__], match=r"^TH-X01: what came\. Try: what to type$"):
        raise child("X01", "what came", "what to type")


@pytest.mark.parametrize("child", [TorchHeadsError, *CHILDREN])
@pytest.mark.parametrize("arguments", [("X01", "what came", "what to type"), ("X02", "what came")])
def test_pickle_and_copy_keep_everything(child, arguments):
    error = child(*arguments)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is child
        assert (again.code, again.problem, again.remedy) == (error.code, error.problem, error.remedy)
        assert str(again) == str(error)


def test_without_a_remedy_nothing_is_promised():
    assert str(TorchHeadsError("X01", "what came")) == "TH-X01: what came"


def test_what_is_wrong_with_a_file_is_a_checkpoint_error():
    for child in (errors.CheckpointCorrupt, errors.CheckpointMismatch, errors.UnsafeArtifact):
        assert issubclass(child, errors.CheckpointError)
