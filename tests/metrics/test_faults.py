"""Known faults of feeding torchmetrics naively: each test shows the wrong value it gives and that the suites are right.

If torchmetrics mends one, its half of the test fails: the guard may then be simplified.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics import MeanMetric
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassCalibrationError,
    MultilabelAUROC,
    MultilabelAveragePrecision,
    MultilabelCoverageError,
    MultilabelF1Score,
    MultilabelRankingAveragePrecision,
    MultilabelRankingLoss,
)

from torchheads.errors import NonFiniteError
from torchheads.metrics import MultiLabelMetrics, SingleLabelMetrics
from torchheads.metrics.states import RankTable

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torchmetrics announces some of the undefined cases


def multi(scores: torch.Tensor, target: torch.Tensor, batch: int | None = None) -> dict[str, float]:
    """All values of a sigmoid head that decides at one half, fed in batches of this size."""
    suite = MultiLabelMetrics(scores.shape[1])
    for start in range(0, len(scores), batch or len(scores)):
        part, true = scores[start:][:batch], target[start:][:batch]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(part, true.to(part), reduction="none").sum(dim=1)
        said = {"scores": part, "probabilities": part.sigmoid(), "predictions": part >= 0, "nll": loss}
        suite.update(**said, target=true)
    return suite.compute()


def single(scores: torch.Tensor, target: torch.Tensor, probabilities: torch.Tensor | None = None) -> dict[str, float]:
    """All values of a softmax head."""
    suite = SingleLabelMetrics(scores.shape[1])
    probabilities = scores.softmax(dim=1) if probabilities is None else probabilities
    nll = torch.nn.functional.cross_entropy(scores, target, reduction="none")
    suite.update(scores=scores, probabilities=probabilities, nll=nll, target=target, predictions=scores.argmax(dim=1))
    return suite.compute()


def fed(metric: Any, said: torch.Tensor, target: torch.Tensor, batch: int | None = None) -> float:
    """What torchmetrics makes of it, in batches of this size."""
    for start in range(0, len(said), batch or len(said)):
        metric.update(said[start:][:batch], target[start:][:batch])
    return float(metric.compute())


def macro(score: Callable[..., float], scores: torch.Tensor, target: torch.Tensor) -> float:
    """Mean of scikit-learn's score over labels with positives and negatives."""
    columns = [c for c in range(target.shape[1]) if 0 < target[:, c].sum() < len(target)]
    return sum(float(score(target[:, c].numpy(), scores[:, c].double().numpy())) for c in columns) / len(columns)


def test_logits_in_batches_of_one_change_average_precision() -> None:
    """A batch whose logits all lie in [0, 1] is taken for probabilities, the next one is not."""
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(60, 3, generator=random) * 0.5 + 0.5
    target = torch.rand(60, 3, generator=random) < scores.sigmoid()
    truth = macro(average_precision_score, scores, target)
    assert abs(fed(MultilabelAveragePrecision(3), scores, target.long(), batch=1) - truth) > 0.005
    for batch in (1, None):
        assert multi(scores, target, batch)["mean_average_precision"] == pytest.approx(truth, abs=1e-12)


def test_logits_in_batches_of_one_turn_auroc_around() -> None:
    scores, target = torch.tensor([[1.2], [0.97], [1.7]]), torch.tensor([[1], [0], [1]])
    assert fed(BinaryAUROC(), scores[:, 0], target[:, 0]) == 1.0
    assert fed(BinaryAUROC(), scores[:, 0], target[:, 0], batch=1) == 0.0
    assert multi(scores, target)["macro_auroc"] == multi(scores, target, batch=1)["macro_auroc"] == 1.0


def test_a_small_positive_logit_is_a_yes() -> None:
    """Logit 0.2 is probability 0.55; as a number in [0, 1] it is cut at 0.5."""
    scores, target = torch.tensor([[0.2]]), torch.tensor([[1]])
    assert fed(BinaryAccuracy(), scores[:, 0], target[:, 0]) == 0.0
    assert multi(scores, target)["exact_match"] == 1.0


def test_saturated_sigmoids_tie() -> None:
    """float32 sigmoids are 1.0 above 16.6: perfectly ranked logits 17..40 score one half."""
    scores = torch.linspace(17, 40, 24)[:, None]
    target = (scores > 28).long()
    assert fed(BinaryAUROC(), scores[:, 0], target[:, 0]) == 0.5
    assert fed(BinaryAUROC(), scores[:, 0].sigmoid(), target[:, 0]) == 0.5
    assert multi(scores, target)["macro_auroc"] == 1.0
    assert multi(scores, target)["mean_average_precision"] == 1.0


def test_huge_logits_stay_apart_even_where_float64_saturates() -> None:
    scores, target = torch.tensor([[97.0], [98.0], [99.0], [100.0]]), torch.tensor([[0], [1], [0], [1]])
    assert fed(BinaryAUROC(), scores[:, 0].double(), target[:, 0]) == 0.5
    assert multi(scores, target)["macro_auroc"] == 0.75


def test_saturated_softmax_ties() -> None:
    """Log-odds 80 and 60 are both probability 1.0 of class 0, so its AUROC is 3/4 by probabilities."""
    logits = torch.tensor([[40.0, -40.0], [30.0, -30.0], [-40.0, 40.0]])
    target = torch.tensor([0, 1, 1])
    assert fed(MulticlassAUROC(2), logits.softmax(dim=1), target) == (3 / 4 + 1) / 2
    assert single(2 * logits, target)["macro_auroc"] == 1.0


def test_labels_without_positives_are_no_zeros() -> None:
    random = torch.Generator().manual_seed(1)
    scores = torch.randn(40, 6, generator=random)
    target = torch.rand(40, 6, generator=random) < 0.3
    target[:, 4:] = False
    truth = macro(average_precision_score, scores, target), macro(roc_auc_score, scores, target)
    said, true = scores.sigmoid(), target.long()
    assert fed(MultilabelAveragePrecision(6), said, true) == pytest.approx(truth[0] * 4 / 6, abs=1e-6)
    assert fed(MultilabelAUROC(6), said, true) == pytest.approx(truth[1] * 4 / 6, abs=1e-6)
    values = multi(scores, target)
    assert values["mean_average_precision"] == pytest.approx(truth[0], abs=1e-12)
    assert values["macro_auroc"] == pytest.approx(truth[1], abs=1e-12)
    assert values["undefined_labels"] == 2


def test_f1_of_a_label_in_neither_target_nor_predictions_is_no_zero() -> None:
    """Label 1 is never true and never predicted: torchmetrics scores it 0."""
    scores, target = torch.tensor([[9.0, -9.0], [9.0, -9.0]]), torch.tensor([[1, 0], [1, 0]])
    per_label = MultilabelF1Score(2, average="none")
    per_label.update(scores.sigmoid(), target)
    assert per_label.compute().tolist() == [1.0, 0.0]
    assert multi(scores, target)["macro_f1"] == 1.0


def test_nan_is_not_a_good_score() -> None:
    """torchmetrics ranks NaN highest: AUROC 1.0, and calls the accuracy 0.0, without a word."""
    scores, target = torch.tensor([[0.1], [math.nan]]), torch.tensor([[0], [1]])
    assert fed(BinaryAUROC(validate_args=False), scores[:, 0], target[:, 0]) == 1.0
    with pytest.raises(NonFiniteError, match=r"TH-L01: NaN score at row 1 of the batch, class 0"):
        multi(scores, target)
    with pytest.raises(NonFiniteError, match="TH-L01"):
        single(torch.full((2, 3), math.nan), torch.tensor([0, 1]))


def test_padded_rows_must_be_cut_not_counted() -> None:
    """13 rows padded to 14 for two ranks: the extra row moves every value; the suites count what they are given."""
    random = torch.Generator().manual_seed(0)
    scores, target = torch.randn(13, 3, generator=random), torch.randint(3, (13,), generator=random)
    padded = torch.cat([torch.arange(13), torch.zeros(1).long()])
    truth = float((scores.argmax(dim=1) == target).double().mean())
    assert abs(fed(MulticlassAccuracy(3, average="micro"), scores[padded], target[padded]) - truth) > 0.01
    assert single(scores, target)["accuracy"] == pytest.approx(truth, abs=1e-12)


def test_the_mean_of_batch_means_is_no_mean() -> None:
    """Losses 1, 1, 1 | 5: mean 2. Averaging batch (or rank) means gives 3."""
    suite = SingleLabelMetrics(2)
    naive = MeanMetric()
    for losses in (torch.ones(3), torch.tensor([5.0])):
        n = len(losses)
        said = {"scores": torch.zeros(n, 2), "probabilities": torch.full((n, 2), 0.5), "nll": losses}
        suite.update(**said, target=torch.zeros(n).long())
        naive.update(losses.mean())
    assert float(naive.compute()) == 3.0
    assert suite.compute()["nll"] == 2.0


@pytest.mark.parametrize("default", [torch.bfloat16, torch.float16])
def test_a_mean_in_half_precision_stands_still(default: torch.dtype) -> None:
    """3,000 times 0.1, as Lightning's true half precision does it: 0.125 (the sums stop growing); ours is 0.1."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        suite, naive = SingleLabelMetrics(2), MeanMetric()
        for _ in range(3000):
            naive.update(torch.tensor(0.1, dtype=default))
        for _ in range(30):
            said = {"scores": torch.zeros(100, 2), "probabilities": torch.full((100, 2), 0.5)}
            suite.update(**said, nll=torch.full((100,), 0.1, dtype=torch.float64), target=torch.zeros(100).long())
        assert float(naive.compute()) == 0.125
        assert suite.compute()["nll"] == pytest.approx(0.1, abs=1e-12)
    finally:
        torch.set_default_dtype(before)


def test_a_dtype_cast_reaches_torchmetrics_states_but_not_ours() -> None:
    naive, suite = MeanMetric(), SingleLabelMetrics(2)
    torch.nn.ModuleList([naive, suite]).to(torch.float16)
    assert naive.mean_value.dtype == torch.float16
    assert suite.totals.nll.dtype == torch.float64


def test_a_rank_without_rows() -> None:
    """What torchmetrics would gather from such a rank fits neither in shape nor in dtype; counts refuse empty rows."""

    def gathered(metric: Any) -> list[torch.Tensor]:
        sent: list[torch.Tensor] = []
        metric._sync_dist(lambda tensor, group: sent.append(tensor) or [tensor])
        return sent

    other = torch.zeros(2, 3, dtype=torch.float64)
    for naive in gathered(MultilabelAveragePrecision(3)):
        assert naive.ndim != other.ndim
    with pytest.raises(RuntimeError, match="reshape tensor of 0 elements"):
        MultilabelF1Score(3, validate_args=False).update(torch.zeros(0, 3), torch.zeros(0, 3).long())

    table = RankTable(3)
    table.settle()
    keys, target = gathered(table)
    assert keys.shape == target.shape == (0, 3)
    assert keys.dtype == other.dtype
    assert target.dtype == torch.uint8


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    """Confidences 1.0 (wrong) and 0.95 (right) share the last bin: |1 - 1.95| / 2; torchmetrics has a bin for 1.0."""
    probabilities = torch.tensor([[0.0, 1.0], [0.05, 0.95]], dtype=torch.float64)
    target = torch.tensor([0, 1])
    naive = fed(MulticlassCalibrationError(2, n_bins=15), probabilities, target)
    assert naive == pytest.approx((1 + 0.05) / 2)
    values = single(torch.tensor([[-40.0, 40.0], [-3.0, 3.0]]), target, probabilities)
    assert values["ece"] == pytest.approx(0.95 / 2)


def test_tied_scores_are_errors_in_the_ranking_loss() -> None:
    """A label that ties with a non-label is a wrong pair; torchmetrics breaks the tie by position: 0 or 1."""
    scores, target = torch.zeros(2, 2), torch.tensor([[0, 1], [0, 1]])
    assert fed(MultilabelRankingLoss(2), scores, target) == 0.0
    assert multi(scores, target)["ranking_loss"] == 1.0


def test_rows_with_no_or_all_labels_count_in_the_ranking_loss_in_every_batch() -> None:
    """Three rows without labels and one wrong pair: 1/4; torchmetrics counts each batch without a pair as one row."""
    scores = torch.tensor([[0.6, 0.4]] * 4)
    target = torch.tensor([[0, 0], [0, 0], [0, 0], [0, 1]])
    assert fed(MultilabelRankingLoss(2), scores, target) == 0.25
    naive = MultilabelRankingLoss(2)
    for part in (slice(3), slice(3, 4)):
        naive.update(scores[part], target[part])
    assert float(naive.compute()) == 0.5
    assert multi(scores, target)["ranking_loss"] == multi(scores, target, batch=3)["ranking_loss"] == 0.25


def test_saturated_scores_in_label_ranking() -> None:
    """Labels 40 and 30 against a non-label at 20: all are 1.0 after a sigmoid, and every label ranks third."""
    scores, target = torch.tensor([[40.0, 30.0, 20.0]]), torch.tensor([[1, 1, 0]])
    assert fed(MultilabelRankingAveragePrecision(3), scores, target) == pytest.approx(2 / 3)
    assert fed(MultilabelCoverageError(3), scores, target) == 3.0
    values = multi(scores, target)
    assert values["label_ranking_average_precision"] == 1.0
    assert values["coverage_error"] == 2.0


def test_one_label_is_allowed() -> None:
    with pytest.raises(ValueError, match="larger than 1, but got 1"):
        MultilabelAveragePrecision(num_labels=1)
    assert multi(torch.tensor([[1.0], [-1.0]]), torch.tensor([[1], [0]]))["mean_average_precision"] == 1.0
