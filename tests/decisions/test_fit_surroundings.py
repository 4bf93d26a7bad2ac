"""A fit gives the same numbers whatever torch's default device and default dtype are while it runs."""

from contextlib import contextmanager

import pytest
import torch

from torchheads.decisions import (
    Argmax,
    ExactMatch,
    ExpectedCost,
    FBeta,
    FittedThreshold,
    PrecisionAtRecall,
    RecallAtPrecision,
    Selective,
    Threshold,
)
from torchheads.decisions.functional import curves, narrowing, shared

C = 3


def rows():
    # 3000 rows: bfloat16 holds whole numbers up to 256 exactly, float16 up to 2048
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(3000, C, generator=random)
    return scores, torch.rand(3000, C, generator=random) < (2 * scores - 1).sigmoid()


RULES = {
    "macro": lambda: FittedThreshold(FBeta(2.0), "per_class"),
    "macro, shrunk": lambda: FittedThreshold(FBeta()),
    "micro": lambda: FittedThreshold(FBeta(2.0, "micro")),
    "samples": lambda: FittedThreshold(FBeta(average="samples"), "per_class"),
    "exact": lambda: FittedThreshold(ExactMatch(), "global"),
    "cost": lambda: FittedThreshold(ExpectedCost(1.0, [1.0, 2.0, 3.0])),
    "precision": lambda: FittedThreshold(PrecisionAtRecall(0.7)),
    "recall": lambda: FittedThreshold(RecallAtPrecision(0.7)),
    "selective": lambda: Selective(0.2, rule=Argmax()),
    "selective, sure": lambda: Selective(0.2, 0.9, FittedThreshold()),
    "selective, sets": lambda: Selective(0.2, 0.9, Threshold()),
}


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def fitted(make, surroundings):
    rule, (scores, target) = make(), rows()
    rule.bind(C)
    if rule.label_type == "single":
        target = torch.nn.functional.one_hot((scores + target).argmax(dim=1), C).bool()
    with surroundings:
        rule.fit(scores, target)
    return rule.state_dict()


@pytest.fixture(params=["at once", "narrowed"])
def how(request, monkeypatch):
    """All scores sorted at once, or the search for a shared cut narrowed first."""
    if request.param == "narrowed":
        monkeypatch.setattr(shared, "ENTRIES", 500)
        monkeypatch.setattr(curves, "ENTRIES", 3000)  # one class at once
        monkeypatch.setattr(narrowing, "EDGES", 64)


@pytest.mark.usefixtures("how")
@pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_nothing_learned_depends_on_the_default_dtype(make, dtype):
    same(fitted(make, default_dtype(dtype)), fitted(make, default_dtype(torch.float32)))


@pytest.mark.usefixtures("how")
@pytest.mark.parametrize("name", sorted(RULES.keys() - {"selective, sure", "selective, sets"}))
def test_nothing_learned_depends_on_the_default_device(name):
    # "meta" stands for a device that is not that of the scores: what is made there has no content
    same(fitted(RULES[name], torch.device("meta")), fitted(RULES[name], default_dtype(torch.float32)))


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name].device, found[name].dtype) == (value.device, value.dtype)
        assert torch.equal(found[name], value), name


def test_micro_cuts_do_not_depend_on_the_default_dtype():
    for seed in range(15):
        random = torch.Generator().manual_seed(seed)
        scores = torch.randn(3000, 3, generator=random)
        target = torch.rand(3000, 3, generator=random) < (2 * scores - 1).sigmoid()
        cuts = []
        for dtype in (torch.float32, torch.bfloat16):
            rule = FittedThreshold(FBeta(1.7, "micro"), "per_class")
            rule.bind(3)
            torch.set_default_dtype(dtype)
            try:
                rule.fit(scores, target)
            finally:
                torch.set_default_dtype(torch.float32)
            cuts.append(rule.cut)
        assert torch.equal(*cuts)
