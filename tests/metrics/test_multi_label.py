"""Every multi-label value agrees with scikit-learn or a literal loop."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    coverage_error,
    f1_score,
    hamming_loss,
    label_ranking_average_precision_score,
    label_ranking_loss,
    roc_auc_score,
)

from torchheads.metrics import MultiLabelMetrics
from torchheads.metrics.calibration_error import NUM_BINS


def label_error(probabilities: np.ndarray, target: np.ndarray) -> float:
    """Calibration error of one label, by a loop over rows."""
    gaps = [0.0] * NUM_BINS
    for probability, positive in zip(probabilities, target, strict=True):
        gaps[next(i for i in range(NUM_BINS) if probability <= (i + 1) / NUM_BINS)] += float(positive) - probability
    return sum(map(abs, gaps)) / len(target)


def reference(rows: dict[str, torch.Tensor]) -> dict[str, float]:
    """The metrics by scikit-learn and plain NumPy, macro means over defined labels."""
    scores, probabilities, nll, target, predictions = (values.numpy() for values in rows.values())
    scores, said = scores.astype(float), predictions.astype(int)
    n, c = target.shape
    positives = target.sum(axis=0)
    precisions = [average_precision_score(target[:, k], scores[:, k]) for k in range(c) if positives[k]]
    curves = [roc_auc_score(target[:, k], scores[:, k]) for k in range(c) if 0 < positives[k] < n]
    f1 = {how: f1_score(target, said, average=how, zero_division=np.nan) for how in ("macro", "micro", "samples")}
    return {
        "mean_average_precision": np.mean(precisions) if precisions else np.nan,
        "micro_average_precision": average_precision_score(target.ravel(), scores.ravel()) if precisions else np.nan,
        "macro_auroc": np.mean(curves) if curves else np.nan,
        "macro_f1": f1["macro"],
        "micro_f1": f1["micro"],
        "samples_f1": f1["samples"],
        "exact_match": accuracy_score(target, said),
        "hamming_loss": hamming_loss(target, said),
        "ranking_loss": label_ranking_loss(target, scores),
        "label_ranking_average_precision": label_ranking_average_precision_score(target, scores),
        "coverage_error": coverage_error(target, scores),
        "nll": nll.mean(),
        "brier": np.square(probabilities - target).mean(),
        "ece": np.mean([label_error(probabilities[:, k], target[:, k]) for k in range(c)]),
        "undefined_labels": float((positives == 0).sum()),
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("n", "c"), [(1, 3), (2, 2), (13, 2), (13, 7), (200, 6)])
def test_scikit_learn(n: int, c: int, tied: bool, seed: int, multi_rows: Any, feed: Any) -> None:
    rows = multi_rows(n, c, seed, tied=tied)
    with warnings.catch_warnings():  # scikit-learn warns of undefined scores
        warnings.simplefilter("ignore")
        expected = reference(rows)
    assert feed(MultiLabelMetrics(c), rows, [n // 3]).compute() == pytest.approx(expected, abs=1e-9, nan_ok=True)


def masked_reference(rows: dict[str, torch.Tensor], known: np.ndarray) -> dict[str, float]:
    """The metrics by loops over what is known: each label over its known rows, each row over its known labels."""
    scores, probabilities, nll, target, said = (values.numpy() for values in rows.values())
    scores, target, said = scores.astype(float), target.astype(int), said.astype(int)
    alone = {"precision": [], "curve": [], "f1": [], "error": []}  # type: ignore[var-annotated]
    for k in range(target.shape[1]):
        y, s, d = (values[known[:, k], k] for values in (target, scores, said))
        if y.any():
            alone["precision"].append(average_precision_score(y, s))
        if 0 < y.sum() < len(y):
            alone["curve"].append(roc_auc_score(y, s))
        if y.any() or d.any():
            alone["f1"].append(f1_score(y, d))
        if len(y):
            alone["error"].append(label_error(probabilities[known[:, k], k], y))
    each = {"f1": [], "exact": [], "loss": [], "lrap": [], "coverage": [], "nll": []}  # type: ignore[var-annotated]
    for i in range(len(target)):
        y, s, d = (values[i, known[i]] for values in (target, scores, said))
        if not known[i].any():
            continue
        if y.any() or d.any():
            each["f1"].append(2 * (y * d).sum() / (y.sum() + d.sum()))
        each["exact"].append((y == d).all())
        labels, others = s[y == 1], s[y == 0]
        pairs = [label <= other for label in labels for other in others]
        each["loss"].append(np.mean(pairs) if pairs else 0.0)
        shares = [(labels >= label).sum() / (s >= label).sum() for label in labels]
        each["lrap"].append(np.mean(shares) if pairs else 1.0)
        each["coverage"].append(max([(s >= label).sum() for label in labels], default=0))
        each["nll"].append(nll[i])
    y, s, d, p = (values[known] for values in (target, scores, said, probabilities))
    mean = {name: np.mean(values) if values else np.nan for name, values in (alone | each).items()}
    return {
        "mean_average_precision": np.mean(alone["precision"]) if alone["precision"] else np.nan,
        "micro_average_precision": average_precision_score(y, s) if y.any() else np.nan,
        "macro_auroc": np.mean(alone["curve"]) if alone["curve"] else np.nan,
        "macro_f1": np.mean(alone["f1"]) if alone["f1"] else np.nan,
        "micro_f1": f1_score(y, d, zero_division=np.nan),
        "samples_f1": mean["f1"],
        "exact_match": mean["exact"],
        "hamming_loss": np.mean(y != d),
        "ranking_loss": mean["loss"],
        "label_ranking_average_precision": mean["lrap"],
        "coverage_error": mean["coverage"],
        "nll": mean["nll"],
        "brier": np.square(p - y).mean(),
        "ece": mean["error"],
        "undefined_labels": float(((target * known).sum(axis=0) == 0).sum()),
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("n", "c"), [(2, 3), (13, 1), (13, 2), (13, 7), (200, 6)])
def test_unknown_entries_leave_every_sum(
    n: int, c: int, tied: bool, seed: int, multi_rows: Any, known_of: Any, feed: Any
) -> None:
    rows = multi_rows(n, c, seed, tied=tied)
    known = known_of(rows, seed)
    expected = masked_reference(rows, known.numpy())
    suite = feed(MultiLabelMetrics(c), rows | {"known": known}, [n // 3, n // 2])
    assert suite.compute() == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert suite.examples() == int(known.any(dim=1).sum())
    support, table = (rows["target"].bool() & known).sum(dim=0), suite.per_class()
    assert table["support"] == support.tolist()
    assert table["prevalence"] == pytest.approx((support / known.sum(dim=0)).tolist(), abs=1e-6, nan_ok=True)


def test_leaving_a_label_unknown_is_leaving_it_out(multi_rows: Any, feed: Any) -> None:
    """Label 2 is known of no row: the values are those of the other labels, and it is one more undefined label."""
    rows, others = multi_rows(40, 5, 0, tied=True), [0, 1, 3, 4]
    known = torch.ones(40, 5, dtype=torch.bool)
    known[:, 2] = False
    marked = feed(MultiLabelMetrics(5), rows | {"known": known}, [7]).compute()
    left = {name: values if name == "nll" else values[:, others] for name, values in rows.items()}
    expected = feed(MultiLabelMetrics(4), left).compute()
    expected["undefined_labels"] += 1
    assert marked == pytest.approx(expected, abs=1e-12)


def test_unknown_entries_by_hand(feed: Any) -> None:
    """Row 1 knows labels 0 (right, found) and 1 (wrong, found); row 2 label 2 alone (right, missed); row 3 nothing.

    Labels: precision 1/1, 0/1; F1 1, 0, 0. Entries: 1 hit, 1 false alarm, 1 miss of 3. Row F1 2/3 and 0.
    """
    scores = torch.tensor([[1.0, 2.0, 9.0], [9.0, 9.0, -1.0], [5.0, 5.0, 5.0]])
    rows = {
        "scores": scores,
        "probabilities": torch.full((3, 3), 0.5),
        "nll": torch.tensor([1.0, 2.0, 50.0]),
        "target": torch.tensor([[1, 0, 1], [1, 1, 1], [1, 1, 1]]),
        "predictions": scores > 0,
        "known": torch.tensor([[True, True, False], [False, False, True], [False, False, False]]),
    }
    values = feed(MultiLabelMetrics(3), rows, [1, 2]).compute()
    assert values == pytest.approx(
        {
            "mean_average_precision": 1.0,
            "micro_average_precision": (1 / 2 * 1 / 2 + 1 / 2 * 2 / 3),  # ranked: label 1, label 0 (right), label 2
            "macro_auroc": np.nan,
            "macro_f1": 1 / 3,
            "micro_f1": 2 * 1 / (2 + 2),
            "samples_f1": (2 / 3 + 0) / 2,
            "exact_match": 0.0,
            "hamming_loss": 2 / 3,
            "ranking_loss": (1 + 0) / 2,
            "label_ranking_average_precision": (1 / 2 + 1) / 2,
            "coverage_error": (2 + 1) / 2,
            "nll": 1.5,
            "brier": 0.25,
            "ece": 0.5,
            "undefined_labels": 1.0,
        },
        nan_ok=True,
    )


def test_one_label_is_a_yes_or_no_question(multi_rows: Any, feed: Any) -> None:
    """C = 1, which scikit-learn's multi-label functions refuse: its binary ones, and each row has no or all labels."""
    rows = multi_rows(50, 1, 0)
    values = feed(MultiLabelMetrics(1), rows, [1, 2, 30]).compute()
    scores, target = rows["scores"][:, 0].double().numpy(), rows["target"][:, 0].numpy()
    said = rows["predictions"][:, 0].numpy()
    precision = average_precision_score(target, scores)
    assert values["mean_average_precision"] == values["micro_average_precision"] == pytest.approx(precision)
    assert values["macro_auroc"] == pytest.approx(roc_auc_score(target, scores))
    assert values["macro_f1"] == values["micro_f1"] == pytest.approx(f1_score(target, said))
    assert values["exact_match"] == pytest.approx(accuracy_score(target, said))
    assert values["hamming_loss"] == pytest.approx(1 - accuracy_score(target, said))
    assert (values["ranking_loss"], values["label_ranking_average_precision"]) == (0.0, 1.0)
    assert values["coverage_error"] == pytest.approx(target.mean())
    assert values["ece"] == pytest.approx(label_error(rows["probabilities"][:, 0].numpy(), target))
    assert feed(MultiLabelMetrics(1), rows).per_class()["support"] == [float(target.sum())]


def test_an_empty_set_predicted_as_empty_has_no_f1_of_its_own(feed: Any) -> None:
    """Rows ({0}, {0, 1}), ({}, {}), ({}, {1}): F1 2/3, left out, 0: mean 1/3. Exact matches: the second only."""
    target = torch.tensor([[1, 0], [0, 0], [0, 0]])
    rows = {
        "scores": torch.zeros(3, 2),
        "probabilities": torch.full((3, 2), 0.5),
        "nll": torch.ones(3),
        "target": target,
    }
    predictions = torch.tensor([[True, True], [False, False], [False, True]])
    values = feed(MultiLabelMetrics(2), rows | {"predictions": predictions}, [1, 2]).compute()
    assert values["samples_f1"] == pytest.approx(1 / 3)
    assert values["exact_match"] == pytest.approx(1 / 3)
    assert values["micro_f1"] == pytest.approx(2 / 4)
    assert values["macro_f1"] == pytest.approx((1 + 0) / 2)
    assert values["hamming_loss"] == pytest.approx(2 / 6)
    assert values["undefined_labels"] == 1


def test_nothing_but_empty_sets(feed: Any) -> None:
    """Every rank and F1 metric is undefined; what counts rows is not."""
    rows = {"scores": torch.randn(4, 3), "probabilities": torch.full((4, 3), 0.1), "nll": torch.ones(4)}
    rows |= {"target": torch.zeros(4, 3).long(), "predictions": torch.zeros(4, 3).bool()}
    values = feed(MultiLabelMetrics(3), rows, [1, 2, 3]).compute()
    undefined = {
        "mean_average_precision",
        "micro_average_precision",
        "macro_auroc",
        "macro_f1",
        "micro_f1",
        "samples_f1",
    }
    assert {key for key, value in values.items() if np.isnan(value)} == undefined
    assert values["exact_match"] == 1.0
    assert values["undefined_labels"] == 3.0
    assert values["brier"] == pytest.approx(0.01)
    assert values["ece"] == pytest.approx(0.1)
