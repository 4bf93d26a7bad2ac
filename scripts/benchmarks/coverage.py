"""Whether guarantees keep what they promise, on the logits and targets of any model, over many random splits.

    python scripts/benchmarks/coverage.py outputs/my_run/predictions.npz --link softmax --output out.json
    python scripts/benchmarks/coverage.py --logits logits.npy --target target.npy --link sigmoid

Targets of shape (N,) are class indices, of shape (N, C) label sets. Rows are split 200 times into held-out ones, on
which a guarantee is fitted, and the rest, on which its promise is looked at.

    coverage             mean within 3 standard errors of k/(n+1), k = ceil((n+1) level); the splits agree with the
                         beta-binomial (rows tested; k, n+1-k) at 1 % (chi-square), as they do for scores without ties
    false-negative rate  mean at most level + 3 standard errors; per label: each label's own mean
    precision            share of fits over the level at most delta + 3 standard errors. Here the rows at hand are the
                         world: each fit draws its held-out rows from them with replacement, and is judged on all of
                         them. (The rest of a split is itself a sample, whose noise would be charged to the promise.)
"""

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchheads.guarantees import Coverage, FalseNegativeRate, Guarantee, PrecisionControl
from torchheads.guarantees.functional import conformal_rank
from torchheads.links import SIGMOID, SOFTMAX
from torchheads.metrics import prediction_sets

Make = Callable[[], Guarantee]


class Rows(NamedTuple):
    """Scores (n, c), label sets (n, c) and which of them are known, (n, c)."""

    scores: Tensor
    target: Tensor
    known: Tensor

    def at(self, index: Tensor) -> "Rows":
        """Some of the rows."""
        return Rows(*(part[index] for part in self))


def fitted(make: Make, rows: Rows) -> Guarantee:
    """A guarantee, fitted on these rows; its warnings of labels that are too rare are told by the figures."""
    guarantee = make()
    guarantee.bind(rows.scores.shape[1])
    guarantee.fit(*rows)
    return guarantee


def splits(rows: Rows, held_out: int, number: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Random splits into ``held_out`` rows and the rest."""
    random = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(rows.scores), generator=random) for _ in range(number)]
    return [(rows.at(order[:held_out]), rows.at(order[held_out:])) for order in orders]


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean and its standard error, over what is defined."""
    values = values[~values.isnan()]
    return float(values.mean()), float(values.std() / math.sqrt(len(values)))


# Coverage -------------------------------------------------------------------------------------------------------------


def covered(make: Make, rows: Rows, held_out: int, number: int, seed: int = 0) -> Tensor:
    """How many of the tested rows of each split have a set that holds their class, shape (number,)."""
    counts = []
    for own, rest in splits(rows, held_out, number, seed):
        sets = fitted(make, own)(rest.scores)
        counts.append(int((sets & rest.target).any(dim=1).sum()))
    return torch.tensor(counts)


def beta_binomial_p_value(counts: Tensor, tested: int, held_out: int, level: float, bins: int = 10) -> float:
    """Chi-square test of counts against the law that exchangeable rows without ties give them."""
    from scipy.stats import betabinom, chisquare

    rank = conformal_rank(held_out, level)
    law = betabinom(tested, rank, held_out + 1 - rank)
    edges = np.unique([-1, *(law.ppf(np.arange(1, bins) / bins)), tested])
    expected = np.diff(law.cdf(edges)) * len(counts)
    observed = np.histogram(counts.numpy(), bins=edges + 0.5)[0]
    return float(chisquare(observed, expected).pvalue)


def coverage_record(name: str, make: Make, rows: Rows, held_out: int, number: int, level: float) -> dict[str, Any]:
    """What the splits say of `Coverage`."""
    tested = len(rows.scores) - held_out
    counts = covered(make, rows, held_out, number)
    mean, error = mean_and_error(counts.double() / tested)
    promised = conformal_rank(held_out, level) / (held_out + 1)
    p_value = beta_binomial_p_value(counts, tested, held_out, level)
    kept = {"mean": abs(mean - promised) <= 3 * error, "beta-binomial": p_value >= 0.01}
    sizes = prediction_sets.mean_size(fitted(make, rows.at(torch.arange(held_out)))(rows.scores[held_out:]))
    found = {"promised": promised, "mean": mean, "standard_error": error, "p_value": p_value, "mean_size": float(sizes)}
    return {"guarantee": name, **found, "kept": kept}


# False-negative rate --------------------------------------------------------------------------------------------------


def missed(make: Make, rows: Rows, held_out: int, number: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Missed share of the tested rows' labels in each split, (number,), and of each label's rows, (number, c)."""
    whole, labels = [], []
    for own, rest in splits(rows, held_out, number, seed):
        sets = fitted(make, own)(rest.scores)
        whole.append(prediction_sets.false_negative_rate(sets, rest.target, rest.known))
        labels.append(1 - prediction_sets.class_coverage(sets, rest.target, rest.known))
    return torch.stack(whole), torch.stack(labels)


def miss_record(
    name: str, make: Make, rows: Rows, held_out: int, number: int, level: float, per_label: bool
) -> dict[str, Any]:
    """What the splits say of `FalseNegativeRate`."""
    whole, labels = missed(make, rows, held_out, number)
    means = [mean_and_error(column) for column in (labels.T if per_label else whole.unsqueeze(0))]
    mean, error = max(means, key=lambda pair: pair[0] - 3 * pair[1] if pair[0] == pair[0] else -math.inf)
    return {
        "guarantee": name,
        "promised": level,
        "mean": mean,  # per label: of the label that comes worst
        "standard_error": error,
        "kept": {"mean": mean <= level + 3 * error},
    }


# Precision ------------------------------------------------------------------------------------------------------------


def imprecise(make: Make, rows: Rows, held_out: int, number: int, level: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """In which of the fits the precision of all rows is below the level: (number,), and by label (number, c)."""
    random = torch.Generator().manual_seed(seed)
    whole, labels = [], []
    for _ in range(number):
        own = rows.at(torch.randint(len(rows.scores), (held_out,), generator=random))
        sets = fitted(make, own)(rows.scores)
        whole.append(prediction_sets.set_precision(sets, rows.target, rows.known) < level)
        labels.append(prediction_sets.class_precision(sets, rows.target, rows.known) < level)
    return torch.stack(whole), torch.stack(labels)


def precision_record(
    name: str, make: Make, rows: Rows, held_out: int, number: int, level: float, confidence: float, per_label: bool
) -> dict[str, Any]:
    """What the fits say of `PrecisionControl`."""
    whole, labels = imprecise(make, rows, held_out, number, level)
    share = float(labels.double().mean(dim=0).max() if per_label else whole.double().mean())
    delta = 1 - confidence
    error = math.sqrt(delta * (1 - delta) / number)
    found = {"promised": delta, "share_over_the_level": share, "standard_error": error}
    return {"guarantee": name, **found, "kept": {"share": share <= delta + 3 * error}}


# The table ------------------------------------------------------------------------------------------------------------


def records(rows: Rows, single: bool, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One record a guarantee of the label type."""
    held_out = options.held_out or len(rows.scores) // 2
    common = (rows, held_out, options.splits)
    level, risk, confidence = options.level, options.risk, options.confidence
    if single:
        methods: list[Any] = ["lac", "aps", "raps"]
        return [
            coverage_record(f"coverage, {method}", partial(Coverage, level, method), *common, level)
            for method in methods
        ]
    found = []
    for each in (False, True):
        kind = "per label" if each else "global"
        miss, precise = partial(FalseNegativeRate, risk, each), partial(PrecisionControl, level, confidence, each)
        found += [
            miss_record(f"false-negative rate, {kind}", miss, *common, risk, each),
            precision_record(f"precision, {kind}", precise, *common, level, confidence, each),
        ]
    return found


def read(options: argparse.Namespace) -> tuple[Rows, bool]:
    """Scores and label sets from files, and whether there is one label a row."""
    arrays: dict[str, Any]
    if options.predictions:
        with np.load(options.predictions) as file:
            arrays = dict(file)
    else:
        arrays = {"logits": np.load(options.logits), "target": np.load(options.target)}
    logits, target = torch.from_numpy(arrays["logits"]), torch.from_numpy(arrays["target"])
    single = target.ndim == 1
    scores = {"softmax": SOFTMAX, "sigmoid": SIGMOID}[options.link].scores(logits)
    sets = torch.nn.functional.one_hot(target.long(), logits.shape[1]).bool() if single else target > 0.5
    known = torch.from_numpy(arrays["mask"]) if "mask" in arrays and not single else torch.ones_like(sets)
    return Rows(scores, sets, known.bool()), single


def main() -> None:
    """Print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", type=Path, nargs="?", help="predictions.npz of a run")
    parser.add_argument("--logits", type=Path, help=".npy of shape (N, C), in place of predictions.npz")
    parser.add_argument("--target", type=Path, help=".npy of shape (N,) or (N, C)")
    parser.add_argument("--link", choices=("softmax", "sigmoid"), required=True)
    parser.add_argument("--level", type=float, default=0.9, help="coverage, or least precision")
    parser.add_argument("--risk", type=float, default=0.1, help="largest false-negative rate")
    parser.add_argument("--confidence", type=float, default=0.9, help="of the precision, 1 - delta")
    parser.add_argument("--held-out", type=int, help="rows a guarantee is fitted on; half of them if not given")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    rows, single = read(options)
    found = records(rows, single, options)
    for record in found:
        kept = "kept" if all(record["kept"].values()) else "NOT KEPT"
        numbers = "  ".join(f"{key} {value:.4f}" for key, value in record.items() if isinstance(value, float))
        print(f"{record['guarantee']:<32} {kept:<9} {numbers}")
    if options.output:
        options.output.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
