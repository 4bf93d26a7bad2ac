"""Every single-label value agrees with scikit-learn or a literal loop."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)

from torchheads.metrics import SingleLabelMetrics
from torchheads.metrics.calibration_error import NUM_BINS
from torchheads.metrics.single_label import among_highest


def top_label_error(scores: np.ndarray, probabilities: np.ndarray, target: np.ndarray) -> float:
    """Calibration error of the top label, by a loop over rows."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row in range(len(target)):
        top = int(scores[row].argmax())
        confidence = float(probabilities[row, top])
        place = next(i for i in range(NUM_BINS) if confidence <= (i + 1) / NUM_BINS)
        bins.setdefault(place, []).append((confidence, top == target[row]))
    gaps = (abs(sum(y for _, y in rows) - sum(p for p, _ in rows)) for rows in bins.values())
    return sum(gaps) / len(target)


def reference(rows: dict[str, torch.Tensor]) -> dict[str, float]:
    """The metrics by scikit-learn; `top5_accuracy` needs untied scores."""
    scores, probabilities, _nll, target, predictions = (values.numpy() for values in rows.values())
    n, c = scores.shape
    curves = [roc_auc_score(target == k, scores[:, k].astype(float)) for k in range(c) if 0 < (target == k).sum() < n]
    values = {
        "accuracy": accuracy_score(target, predictions),
        "top5_accuracy": top_k_accuracy_score(target, scores, k=5, labels=range(c)) if c > 5 else None,
        "balanced_accuracy": balanced_accuracy_score(target, predictions),
        "macro_f1": f1_score(target, predictions, average="macro", zero_division=np.nan),
        "macro_auroc": np.mean(curves) if curves else np.nan,
        "nll": log_loss(target, probabilities, labels=range(c)),
        "brier": brier_score_loss(target, probabilities, labels=range(c), scale_by_half=False),
        "ece": top_label_error(scores, probabilities, target),
    }
    return {key: float(value) for key, value in values.items() if value is not None}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "c"), [(1, 6), (2, 2), (13, 2), (13, 5), (200, 6), (200, 30)])
def test_scikit_learn(n: int, c: int, seed: int, single_rows: Any, feed: Any) -> None:
    rows = single_rows(n, c, seed)
    with warnings.catch_warnings():  # scikit-learn warns of predicted classes that are not in the target
        warnings.simplefilter("ignore")
        expected = reference(rows)
    assert feed(SingleLabelMetrics(c), rows, [n // 3]).compute() == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_tied_scores(single_rows: Any, feed: Any) -> None:
    """Ties count half in the AUROC; elsewhere the lowest index comes first, as `Argmax` has it."""
    rows = single_rows(60, 8, 0, tied=True)
    values = feed(SingleLabelMetrics(8), rows, [11]).compute()
    scores, target = rows["scores"].numpy(), rows["target"].numpy()
    best = [sorted(range(8), key=lambda k, row=row: (-scores[row, k], k))[:5] for row in range(60)]  # type: ignore[misc]
    assert values["top5_accuracy"] == pytest.approx(np.mean([t in top for t, top in zip(target, best, strict=True)]))
    curves = [roc_auc_score(target == k, scores[:, k]) for k in range(8) if (target == k).any()]
    assert values["macro_auroc"] == pytest.approx(np.mean(curves))
    assert values["ece"] == pytest.approx(top_label_error(scores, rows["probabilities"].numpy(), target))


@pytest.mark.parametrize("c", [2, 5, 6])
def test_top5_is_left_out_for_five_classes_or_fewer(c: int, single_rows: Any, feed: Any) -> None:
    assert ("top5_accuracy" in feed(SingleLabelMetrics(c), single_rows(9, c, 0)).compute()) == (c > 5)


@pytest.mark.parametrize("seed", range(4))
def test_rejected_rows_by_scikit_learn(seed: int, single_rows: Any, known_of: Any, feed: Any) -> None:
    """Predictions of -1 are wrong and of no class; unknown rows are left out, rejected or not."""
    rows = single_rows(80, 6, seed)
    rows["predictions"][torch.rand(80, generator=torch.Generator().manual_seed(seed)) < 0.3] = -1
    known = known_of(rows, seed)
    suite = feed(SingleLabelMetrics(6), rows | {"known": known}, [9, 30])
    values, table = suite.compute(), suite.per_class()
    target, said = rows["target"][known].numpy(), rows["predictions"][known].numpy()
    columns = precision_recall_fscore_support(target, said, labels=range(6), zero_division=np.nan)
    assert values["accuracy"] == pytest.approx(accuracy_score(target, said))
    assert values["macro_f1"] == pytest.approx(np.nanmean(columns[2]))
    assert values["balanced_accuracy"] == pytest.approx(np.nanmean(columns[1]))
    assert values["rejected"] == pytest.approx((said == -1).mean())
    for name, column in zip(("precision", "recall", "f1", "support"), columns, strict=True):
        np.testing.assert_allclose(table[name], column, atol=1e-12, equal_nan=True)
    answered = said != -1
    assert values["selective_accuracy"] == pytest.approx(accuracy_score(target[answered], said[answered]))
    assert list(values)[-2:] == ["rejected", "selective_accuracy"]
    assert (suite.direction("rejected"), suite.direction("selective_accuracy")) == ("min", "max")


def test_rejected_by_hand(feed: Any) -> None:
    """Right, rejected (class 1), wrong (1 for 0): accuracy 1/3; F1 of 0: 2/3, of 1: 0; without predictions nothing."""
    rows = {"scores": torch.zeros(3, 2), "probabilities": torch.full((3, 2), 0.5), "nll": torch.ones(3)}
    rows["target"] = torch.tensor([0, 1, 0])
    values = feed(SingleLabelMetrics(2), rows | {"predictions": torch.tensor([0, -1, 1])}, [1, 2]).compute()
    assert values["accuracy"] == pytest.approx(1 / 3)
    assert values["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert values["balanced_accuracy"] == pytest.approx((1 / 2 + 0) / 2)
    assert values["rejected"] == pytest.approx(1 / 3)
    assert values["selective_accuracy"] == pytest.approx(1 / 2)
    assert "rejected" not in feed(SingleLabelMetrics(2), rows | {"predictions": torch.tensor([0, 1, 1])}).compute()
    half = feed(feed(SingleLabelMetrics(2), rows | {"predictions": torch.tensor([0, -1, 1])}), rows)
    assert not {"rejected", "selective_accuracy"} & set(half.compute())


def test_everything_rejected(feed: Any) -> None:
    rows = {"scores": torch.zeros(3, 2), "probabilities": torch.full((3, 2), 0.5), "nll": torch.ones(3)}
    rows |= {"target": torch.tensor([0, 1, 0]), "predictions": torch.full((3,), -1)}
    suite = feed(SingleLabelMetrics(2), rows)
    values = suite.compute()
    assert [values[key] for key in ("accuracy", "balanced_accuracy", "macro_f1", "rejected")] == [0.0, 0.0, 0.0, 1.0]
    assert np.isnan(values["selective_accuracy"])
    assert np.isnan(suite.per_class()["precision"]).all()


def test_a_class_predicted_but_absent_counts_as_zero_and_one_in_neither_is_left_out(feed: Any) -> None:
    """Classes 0 right, 1 predicted once wrongly, 2 in neither: F1 = mean(2/3, 0); recall over class 0 alone = 1/2."""
    scores = torch.tensor([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0]])
    rows = {
        "scores": scores,
        "probabilities": scores.softmax(dim=1),
        "nll": torch.ones(2),
        "target": torch.tensor([0, 0]),
    }
    values = feed(SingleLabelMetrics(3), rows | {"predictions": torch.tensor([0, 1])}).compute()
    assert values["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert values["balanced_accuracy"] == 0.5
    assert np.isnan(values["macro_auroc"])


def test_by_hand(feed: Any) -> None:
    """p = (0.8, 0.2) for 0 and (0.4, 0.6) for 0: brier (2 * 0.04 + 2 * 0.36) / 2; ece (0.2 + 0.6) / 2."""
    probabilities = torch.tensor([[0.8, 0.2], [0.4, 0.6]], dtype=torch.float64)
    rows = {"scores": probabilities.logit(), "probabilities": probabilities, "nll": -probabilities[:, 0].log()}
    values = feed(
        SingleLabelMetrics(2), rows | {"target": torch.zeros(2).long(), "predictions": torch.arange(2)}
    ).compute()
    assert values["accuracy"] == 0.5
    assert values["nll"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert values["brier"] == pytest.approx(0.4)
    assert values["ece"] == pytest.approx(0.4)


def test_saturated_probabilities_do_not_move_the_top_label(feed: Any) -> None:
    """Two sigmoid scores of 40 and 50 are both 1.0 as probabilities; the top label is the one of 50, which is right."""
    scores = torch.tensor([[40.0, 50.0]])
    rows = {"scores": scores, "probabilities": scores.sigmoid(), "nll": torch.zeros(1), "target": torch.tensor([1])}
    assert feed(SingleLabelMetrics(2), rows).compute()["ece"] == 0.0


def test_among_highest_by_hand() -> None:
    keys = torch.tensor([[0.5, 0.5, 0.9], [0.1, 0.2, 0.3]], dtype=torch.float64)
    assert among_highest(keys, torch.tensor([0, 0]), 2).tolist() == [True, False]
    assert among_highest(keys, torch.tensor([1, 1]), 2).tolist() == [False, True]
