"""Per-label curves agree with scikit-learn and with the definition by pairs."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from torchheads.metrics.curves import auroc, average_precision, micro_average_precision
from torchheads.metrics.keys import rank_key


def table(seed: int, scale: float, tied: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and target (40, 6); label 4 has no positives, label 5 no negatives."""
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(40, 6, generator=random) * scale
    scores = scores.round() if tied else scores
    target = (torch.rand(40, 6, generator=random) < 0.3).to(torch.uint8)
    target[:, 4], target[:, 5] = 0, 1
    target[0, :4], target[1, :4] = 1, 0
    return scores, target


@pytest.mark.parametrize(
    ("scale", "tied"), [(1e-38, False), (0.1, False), (3.0, False), (100.0, False), (1e37, False), (3.0, True)]
)
def test_scikit_learn(scale: float, tied: bool) -> None:
    scores, target = table(0, scale, tied)
    keys = rank_key(scores)
    wide, hot = scores.double().numpy(), target.numpy()
    expected = [average_precision_score(hot[:, c], wide[:, c]) for c in (0, 1, 2, 3, 5)]
    found = average_precision(keys, target)
    assert found[[0, 1, 2, 3, 5]].tolist() == pytest.approx(expected, abs=1e-12)
    assert math.isnan(found[4])
    expected = [roc_auc_score(hot[:, c], wide[:, c]) for c in range(4)]
    found = auroc(keys, target)
    assert found[:4].tolist() == pytest.approx(expected, abs=1e-12)
    assert found[4:].isnan().all()
    micro = average_precision_score(hot.ravel(), wide.ravel())
    assert float(micro_average_precision(keys, target)) == pytest.approx(micro, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_rank_sum(seed: int) -> None:
    """AUROC = (rank sum of the positives - P (P + 1) / 2) / (P N), ranks averaged over ties."""
    scores, target = table(seed, 60.0, tied=True)
    found = auroc(rank_key(scores), target)
    for label in range(4):
        positive = target[:, label].numpy() == 1
        p, n = positive.sum(), (~positive).sum()
        expected = (rankdata(scores[:, label].numpy())[positive].sum() - p * (p + 1) / 2) / (p * n)
        assert float(found[label]) == pytest.approx(expected, abs=1e-12)


def test_by_hand() -> None:
    """Order 0.9+ 0.8- 0.7+: AP = 1/2 * 1 + 1/2 * 2/3 = 5/6; pairs 1 of 2 right: AUROC = 1/2."""
    keys = torch.tensor([[0.9], [0.8], [0.7]], dtype=torch.float64)
    target = torch.tensor([[1], [0], [1]], dtype=torch.uint8)
    assert average_precision(keys, target).item() == pytest.approx(5 / 6, abs=1e-15)
    assert auroc(keys, target).item() == 0.5


@pytest.mark.parametrize("default", [torch.bfloat16, torch.float32])
def test_torch_default_dtype_neither_matters_nor_changes(default: torch.dtype) -> None:
    scores, target = table(1, 3.0, tied=False)
    keys = rank_key(scores)
    expected = average_precision(keys, target), auroc(keys, target)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        found = average_precision(keys, target), auroc(keys, target)
        assert torch.get_default_dtype() == default
    finally:
        torch.set_default_dtype(before)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.nan_to_num(-1.0), other.nan_to_num(-1.0))


@pytest.mark.parametrize("tied", [False, True])
def test_unknown_entries_leave_their_label(tied: bool) -> None:
    """Against scikit-learn on the known rows of each label; label 0 has unknown rows alone, 1 no known negative."""
    scores, target = table(2, 3.0, tied)
    known = torch.rand(40, 6, generator=torch.Generator().manual_seed(5)) < 0.6
    known[:, 0] = False
    known[:, 1] = target[:, 1] == 1
    marked, keys = target.masked_fill(~known, 2), rank_key(scores)
    wide = scores.double().numpy()
    precisions, curves = average_precision(keys, marked), auroc(keys, marked)
    assert precisions[[0, 4]].isnan().all()
    assert curves[[0, 1, 4, 5]].isnan().all()
    for c in (1, 2, 3, 5):
        rows = known[:, c].numpy()
        expected = average_precision_score(target[rows, c].numpy(), wide[rows, c])
        assert float(precisions[c]) == pytest.approx(expected, abs=1e-12)
        if c in (2, 3):
            expected = roc_auc_score(target[rows, c].numpy(), wide[rows, c])
            assert float(curves[c]) == pytest.approx(expected, abs=1e-12)
    expected = average_precision_score(target[known].numpy(), wide[known.numpy()])
    assert float(micro_average_precision(keys, marked)) == pytest.approx(expected, abs=1e-12)


def test_no_rows_are_undefined() -> None:
    keys, target = torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, 3, dtype=torch.uint8)
    assert average_precision(keys, target).isnan().all()
    assert auroc(keys, target).isnan().all()
    assert micro_average_precision(keys, target).isnan()


def test_large_tables_do_not_drift() -> None:
    """A million entries as one label; float32 division would be off by about 1e-8."""
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(1000, 1000, generator=random)
    target = (torch.rand(1000, 1000, generator=random) < 0.05).to(torch.uint8)
    expected = average_precision_score(target.numpy().ravel(), scores.numpy().ravel().astype(np.float64))
    assert float(micro_average_precision(rank_key(scores), target)) == pytest.approx(expected, abs=1e-12)
