"""Metrics of a whole test set as functions of its rows, for resampling: without torch, and quick.

n rows, c classes. A target of label sets is int, with -1 where it is not known whether the row has the class.
"""

import numpy as np
from jaxtyping import Float, Integer, Shaped

from torchheads.study.base import Numbers


def mean_average_precision(scores: Float[np.ndarray, "n c"], target: Integer[np.ndarray, "n c"]) -> float:
    """Mean over classes of the average precision; classes without a known positive are left out.

        AP = 1/P  sum over positives i  of  TP(s_i) / (TP(s_i) + FP(s_i)),    all rows scored s_i or more

    Args:
        scores: shape (n, c).
        target: 1, 0, or -1 for unknown, shape (n, c).

    Returns:
        NaN where no class has a positive.

    Example:
        >>> mean_average_precision(np.array([[3.0], [2.0], [1.0]]), np.array([[1], [0], [1]]))  # (1 + 2/3) / 2
        0.8333333333333333

    Source: scikit-learn's ``average_precision_score``, which it equals, ties included.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked, known = np.take_along_axis(scores, order, 0), np.take_along_axis(target, order, 0)
    positive = known == 1
    rows = np.arange(len(scores))[:, None]
    last = np.where(np.vstack([ranked[1:] != ranked[:-1], np.ones_like(ranked[:1], bool)]), rows, len(scores))
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]  # the last row of the same score
    hits, seen = np.cumsum(positive, axis=0), np.cumsum(known >= 0, axis=0)
    precision = np.take_along_axis(hits, last, 0) / np.maximum(np.take_along_axis(seen, last, 0), 1)
    positives = positive.sum(axis=0)
    if not positives.any():
        return float("nan")
    defined = positives > 0
    return float(((precision * positive).sum(axis=0)[defined] / positives[defined]).mean())


def macro_f1(predictions: Shaped[np.ndarray, "n ..."], target: Integer[np.ndarray, "n ..."]) -> float:
    """Mean over classes of F1; classes that are neither there nor predicted are left out.

    Args:
        predictions: class indices (n,), below 0 for no class, or label sets (n, c).
        target: of the same shape.

    Example:
        >>> macro_f1(np.array([0, 1, 1]), np.array([0, 1, 0]))  # 2/3 and 2/3
        0.6666666666666666
    """
    hits, predicted, there = counts(predictions, target)
    defined = predicted + there > 0
    return float((2 * hits[defined] / (predicted + there)[defined]).mean()) if defined.any() else float("nan")


def micro_f1(predictions: Shaped[np.ndarray, "n c"], target: Integer[np.ndarray, "n c"]) -> float:
    """F1 of all entries together.

    Example:
        >>> micro_f1(np.array([[True, False], [True, True]]), np.array([[1, 0], [0, 1]]))  # 2 * 2 / (3 + 2)
        0.8
    """
    hits, predicted, there = (part.sum() for part in counts(predictions, target))
    return float(2 * hits / (predicted + there)) if predicted + there else float("nan")


def counts(
    predictions: Shaped[np.ndarray, "n ..."], target: Integer[np.ndarray, "n ..."]
) -> tuple[Integer[np.ndarray, "c"], Integer[np.ndarray, "c"], Integer[np.ndarray, "c"]]:
    """How often each class is rightly predicted, is predicted, and is there, each of shape (c,).

    Example:
        >>> [part.tolist() for part in counts(np.array([0, 1, 1]), np.array([0, 1, 0]))]
        [[1, 1], [1, 2], [2, 1]]
    """
    if predictions.ndim == 2:
        known = target >= 0
        sets, truth = predictions.astype(bool) & known, target == 1
        return (sets & truth).sum(axis=0), sets.sum(axis=0), truth.sum(axis=0)
    predictions, target = predictions[target >= 0], target[target >= 0]
    classes = int(max(predictions.max(initial=0), target.max(initial=0))) + 1
    right = target[predictions == target]
    parts = (right, predictions[predictions >= 0], target)
    hits, chosen, there = (np.bincount(part, minlength=classes) for part in parts)
    return hits, chosen, there


def right_rows(predictions: Numbers, target: Numbers) -> Float[np.ndarray, "n"]:
    """1 for rows predicted rightly, shape (n,): the class, or the whole label set where it is known.

    Example:
        >>> right_rows(np.array([[True, False], [True, True]]), np.array([[1, -1], [0, 1]]))
        array([1., 0.])
    """
    agree = (predictions == target) | (np.asarray(target) < 0)
    return np.asarray(agree.all(axis=1) if agree.ndim == 2 else agree, dtype=np.float64)


def brier_rows(probabilities: Float[np.ndarray, "n c"], target: Integer[np.ndarray, "n ..."]) -> Float[np.ndarray, "n"]:
    """Brier score of each row, shape (n,): summed over classes for class indices, mean over known entries for sets.

    Args:
        probabilities: shape (n, c).
        target: class indices (n,), or label sets (n, c).

    Example:
        >>> brier_rows(np.array([[0.5, 0.5]]), np.array([1])), brier_rows(np.array([[0.5, 0.5]]), np.array([[1, 0]]))
        (array([0.5]), array([0.25]))
    """
    one_hot = target if target.ndim == 2 else target[:, None] == np.arange(probabilities.shape[1])
    known = one_hot >= 0
    squares = np.where(known, (probabilities.astype(np.float64) - one_hot) ** 2, 0.0).sum(axis=1)
    return np.asarray(squares / np.maximum(known.sum(axis=1), 1) if target.ndim == 2 else squares)
