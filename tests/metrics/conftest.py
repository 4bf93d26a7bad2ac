"""Rows to score: random single-label and multi-label batches as a head would give them, and how to feed them."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from torchheads.metrics import MetricSuite

Rows = dict[str, Tensor]


def _single(n: int, c: int, seed: int, tied: bool = False) -> Rows:
    """Rows of class indices; the last class is in neither target nor predictions, the one before only predicted."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, c, generator=random) * 3
    if tied:
        scores = scores.round()
    probabilities = scores.double().softmax(dim=1)
    target = torch.randint(max(c - 2, 1), (n,), generator=random)
    predictions = scores[:, : max(c - 1, 1)].argmax(dim=1)
    nll = -probabilities.gather(1, target[:, None])[:, 0].log()
    return {"scores": scores, "probabilities": probabilities, "nll": nll, "target": target, "predictions": predictions}


def _multi(n: int, c: int, seed: int, tied: bool = False) -> Rows:
    """Rows of label sets, some empty, some nearly full; the last label has no positives (if c > 1)."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, c, generator=random) * 3
    if tied:
        scores = scores.round()
    target = torch.rand(n, c, generator=random) < 0.4
    target[::5] = False
    target[1::7] = True
    if c > 1:
        target[:, -1] = False
    predictions = scores >= 0.5
    predictions[::3] = False
    probabilities = scores.double().sigmoid()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores.double(), target.double(), reduction="none")
    return {
        "scores": scores,
        "probabilities": probabilities,
        "nll": loss.sum(dim=1),
        "target": target.long(),
        "predictions": predictions,
    }


def _feed(suite: MetricSuite, rows: Rows, cuts: list[int] | None = None) -> MetricSuite:
    """Update the suite with the rows cut at these places."""
    n = len(rows["scores"])
    for start, stop in pairwise([0, *sorted(cuts or []), n]):
        suite.update(**{name: values[start:stop] for name, values in rows.items()})
    return suite


@pytest.fixture(scope="session")
def single_rows() -> Callable[..., Rows]:
    """The maker of single-label rows."""
    return _single


@pytest.fixture(scope="session")
def multi_rows() -> Callable[..., Rows]:
    """The maker of multi-label rows."""
    return _multi


@pytest.fixture(scope="session")
def known_of() -> Callable[[Rows, int], Tensor]:
    """Draws what is known of rows: two thirds of it, nothing of some rows, all of others."""

    def draw(rows: Rows, seed: int) -> Tensor:
        known = torch.rand(rows["target"].shape, generator=torch.Generator().manual_seed(seed)) < 0.67
        known[::4] = False
        known[1::4] = True
        return known

    return draw


@pytest.fixture(scope="session")
def feed() -> Callable[..., Any]:
    """Updates a suite with rows, cut into batches."""
    return _feed
