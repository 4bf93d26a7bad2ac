"""Label ranking agrees with scikit-learn and with the definition by pairs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import coverage_error, label_ranking_average_precision_score, label_ranking_loss

from torchheads.metrics.keys import rank_key
from torchheads.metrics.label_ranking import label_ranking


def literal(scores: list[float], labels: set[int]) -> tuple[float, float, float]:
    """Loss, average precision and coverage of one row, straight from the definitions."""
    others = set(range(len(scores))) - labels
    coverage = max((sum(s >= scores[i] for s in scores) for i in labels), default=0)
    if not labels or not others:
        return 0.0, 1.0, float(coverage)
    wrong = sum(scores[i] <= scores[j] for i in labels for j in others)
    shares = [sum(scores[j] >= scores[i] for j in labels) / sum(s >= scores[i] for s in scores) for i in labels]
    return wrong / (len(labels) * len(others)), sum(shares) / len(labels), float(coverage)


@given(st.integers(1, 7), st.integers(0, 2**20), st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_definitions(num_classes: int, seed: int, tied: bool) -> None:
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(6, num_classes, generator=random) * 2
    scores = scores.round() if tied else scores
    target = torch.rand(6, num_classes, generator=random) < 0.5
    target[0], target[1] = False, True
    found = label_ranking(rank_key(scores), target)
    for row in range(6):
        expected = literal(scores[row].tolist(), set(target[row].nonzero().flatten().tolist()))
        assert [float(value[row]) for value in found] == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 7), st.integers(0, 2**20), st.booleans())
@settings(deadline=None, max_examples=60)
def test_unknown_classes_do_not_exist(num_classes: int, seed: int, tied: bool) -> None:
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(6, num_classes, generator=random) * 2
    scores = scores.round() if tied else scores
    known = torch.rand(6, num_classes, generator=random) < 0.6
    target = (torch.rand(6, num_classes, generator=random) < 0.5) & known
    target[0], target[1] = False, known[1]
    found = label_ranking(rank_key(scores), target, known)
    for row in range(6):
        kept = known[row].nonzero().flatten().tolist()
        labels = {place for place, c in enumerate(kept) if target[row, c]}
        expected = literal(scores[row, kept].tolist(), labels)
        assert [float(value[row]) for value in found] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_scikit_learn(tied: bool) -> None:
    random = torch.Generator().manual_seed(3)
    scores = torch.randn(200, 9, generator=random) * 2
    scores = scores.round() if tied else scores
    target = torch.rand(200, 9, generator=random) < 0.3
    target[:10], target[10:20] = False, True
    found = label_ranking(rank_key(scores), target)
    true, said = target.numpy(), scores.double().numpy()
    assert float(found.loss.mean()) == pytest.approx(label_ranking_loss(true, said), abs=1e-12)
    lrap = label_ranking_average_precision_score(true, said)
    assert float(found.average_precision.mean()) == pytest.approx(lrap, abs=1e-12)
    assert float(found.coverage.mean()) == pytest.approx(coverage_error(true, said), abs=1e-12)


def test_by_hand() -> None:
    """Scores 3 2 2 1, labels 0 and 2: pairs 0>1, 0>3, 2=1 (wrong), 2>3: loss 1/4; LRAP (1/1 + 2/3)/2; coverage 3."""
    found = label_ranking(rank_key(torch.tensor([[3.0, 2.0, 2.0, 1.0]])), torch.tensor([[True, False, True, False]]))
    assert [float(value) for value in found] == pytest.approx([0.25, 5 / 6, 3.0])


def test_no_rows() -> None:
    found = label_ranking(torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, 3, dtype=torch.bool))
    assert all(value.shape == (0,) for value in found)
