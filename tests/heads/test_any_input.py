"""Any shape, dtype and value gives a finite loss and an answer, or an error of ours: never another exception."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor, nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.errors import TorchHeadsError, TorchHeadsWarning
from torchheads.targets import LabelLists, MixedTarget

DTYPES = (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64,
)  # fmt: skip
VALUES = [
    0.0,
    1.0,
    2.0,
    3.0,
    -1.0,
    -100.0,
    0.25,
    0.5,
    1e-8,
    104.0,
    6.5e4,
    3e38,
    -3e38,
    1e308,
    math.inf,
    -math.inf,
    math.nan,
]
SHAPES = st.lists(st.integers(0, 5), max_size=4)


def filled(shape: list[int], dtype: torch.dtype, values: list[float], generator: torch.Generator) -> Tensor:
    """A tensor of values picked from a short list; what the dtype cannot hold becomes something that it can."""
    picks = torch.randint(len(values), tuple(shape), generator=generator)
    chosen = torch.tensor(values, dtype=torch.float64)[picks]
    if dtype.is_floating_point or dtype.is_complex:
        return chosen.to(dtype)
    return chosen.nan_to_num(0, 2, -1).clamp(-1e9, 1e9).to(torch.int64).to(dtype)


@st.composite
def tensors(draw: Any, shapes: Any = SHAPES, values: Any = None, dtypes: Any = None) -> Tensor:
    """Tensors of any shape, dtype and value."""
    some = draw(values if values is not None else st.lists(st.sampled_from(VALUES), min_size=1, max_size=4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    return filled(draw(shapes), draw(dtypes if dtypes is not None else st.sampled_from(DTYPES)), some, generator)


@st.composite
def calls(draw: Any) -> dict[str, Any]:
    """A head with logits, a target and a mask: at times of shapes that fit each other, at times of any."""
    num_classes = draw(st.integers(2, 5))
    options = {
        "label_type": draw(st.sampled_from(["single", "multi"])),
        "ignore_index": draw(st.sampled_from([None, -1, 255])),
        "soft_targets": draw(st.booleans()),
        "score": draw(st.sampled_from(["log_odds", "logit"])),
    }
    head = draw(st.sampled_from([SoftmaxHead, SigmoidHead]))(4, num_classes, classifier=nn.Identity(), **options)
    fits = st.integers(0, 9).map(lambda roll: roll < 7)
    batch, spatial = draw(st.integers(0, 5)), draw(st.lists(st.integers(0, 3), max_size=2))
    whole, short = [batch, num_classes, *spatial], [batch, *spatial]
    floats = st.sampled_from([dtype for dtype in DTYPES if dtype.is_floating_point])
    logits = draw(tensors(st.just(whole), dtypes=floats) if draw(fits) else tensors())
    own = short if options["label_type"] == "single" and not draw(st.booleans()) else whole
    sane = st.sampled_from([[0.0, 1.0], [1.0], [-1.0, 1.0, 0.0], [0.25], [1 / num_classes], [num_classes - 1.0, 0.0]])
    target = draw(tensors(st.just(own), sane if draw(fits) else None) if draw(fits) else tensors())
    mask = draw(st.none() | tensors(st.just(list(target.shape)), dtypes=st.just(torch.bool)) | tensors())
    return {"head": head, "logits": logits, "target": draw(targets(target, batch, num_classes)), "mask": mask}


@st.composite
def targets(draw: Any, target: Tensor, batch: int, num_classes: int) -> Any:
    """The tensor itself, most of the time; else lists, a mix of two, or the numbers as Python and numpy have them."""
    kind = draw(st.sampled_from(["tensor"] * 6 + ["lists", "mixed", "list", "array"]))
    if kind == "lists":
        labels = st.lists(st.integers(0, num_classes - 1), max_size=3)
        return LabelLists.from_lists(draw(st.lists(labels, min_size=batch, max_size=batch)), num_classes)
    if kind == "mixed" and target.ndim:
        return MixedTarget(target, target.flip(0), draw(st.floats(0, 1)))
    if kind in ("list", "array") and target.dtype is not torch.bfloat16:
        return target.tolist() if kind == "list" else target.numpy()
    return target


def outcome(ask: Callable[[], Any]) -> Any:
    """What a call gives, or None where it raises an error of ours; any other exception ends the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TorchHeadsWarning)
        try:
            return ask()
        except TorchHeadsError as refused:
            error = refused
    assert error.remedy
    assert str(error).startswith(f"TH-{error.code}: ")
    return None


def judge(head: Any, logits: Tensor, target: Any, mask: Any) -> bool:
    """Ask everything of a head that takes logits or targets; whether there was a loss."""
    loss = outcome(lambda: head.loss_from_logits(logits, target, mask))
    if loss is not None:
        assert loss.ndim == 0
        assert loss.isfinite()
        assert outcome(lambda: head.count(target, mask)) is not None
        assert outcome(lambda: head.nll(logits, target, mask)) is not None
    outcome(lambda: head.nll(logits, target, mask))
    count = outcome(lambda: head.count(target, mask))
    assert count is None or float(count) >= 0
    for ask in (head.scores, head.probabilities):
        answer = outcome(lambda ask=ask: ask(logits))
        assert answer is None or answer.shape == logits.shape
    probabilities = outcome(lambda: head.probabilities(logits))
    if probabilities is not None and logits.isfinite().all():
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
    outcome(lambda: head.predict(logits))
    return loss is not None


def search(examples: int) -> None:
    """Judge so many calls; a fair share of them is good input, or the search would only ever meet the first check."""
    reached = []

    @given(calls())
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    def every(call: dict[str, Any]) -> None:
        reached.append(judge(**call))

    every()
    assert sum(reached) >= examples / 10


def test_any_input() -> None:
    search(200)


@pytest.mark.nightly
@pytest.mark.skipif("'nightly' not in config.option.markexpr", reason="takes a minute: pytest -m nightly")
def test_any_input_at_length() -> None:
    search(5000)


@pytest.mark.parametrize("fault", [RuntimeError, IndexError, TypeError, AttributeError])
def test_a_bare_exception_would_be_found(fault: type[Exception]) -> None:
    def broken(logits: Tensor) -> Tensor:
        raise fault("bare")

    head = SoftmaxHead(4, 3, classifier=nn.Identity())
    head.scores = broken
    with pytest.raises(fault, match="bare"):
        judge(head, torch.zeros(2, 3), torch.tensor([0, 1]), None)
