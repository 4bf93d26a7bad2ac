"""One of two processes that score the same rows together; `test_two_ranks.py` starts both.

Usage: two_ranks.py RANK FOLDER
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed

from torchheads.metrics import EpochLoss, ExtremeMetrics, MetricSuite, metric_suite
from torchheads.targets import LabelLists

# name -> (label type, number of rows, who has them, with predictions, share of the target that is known)
CASES = {
    f"{kind}-{n}-{spread}-{'decided' if decided else 'undecided'}-{share}": (kind, n, spread, decided, share)
    for kind in ("single", "multi")
    for n, spread, decided, share in [
        (0, "in_turn", True, 1),
        (1, "in_turn", True, 1),
        (1, "second_only", False, 1),
        (13, "in_turn", True, 1),
        (13, "in_turn", False, 1),
        (13, "first_only", True, 1),
        (13, "second_only", True, 1),
        (13, "in_turn", True, 0.5),
        (13, "second_only", True, 0.5),
        (13, "in_turn", True, 0),
    ]
}


def rows(kind: str, n: int) -> dict[str, torch.Tensor]:
    """Seven classes, some ties, some labels without positives."""
    random = torch.Generator().manual_seed(n)
    scores = (torch.randn(n, 7, generator=random) * 2).round()
    nll = torch.rand(n, generator=random)
    if kind == "single":
        target = torch.randint(5, (n,), generator=random)
        return {"scores": scores, "probabilities": scores.softmax(dim=1), "nll": nll, "target": target,
                    "predictions": scores.argmax(dim=1)}  # fmt: skip
    target = torch.rand(n, 7, generator=random) < 0.3
    target[:, 6] = False
    return {
        "scores": scores,
        "probabilities": scores.sigmoid(),
        "nll": nll,
        "target": target,
        "predictions": scores >= 1,
    }


def score(case: str, rank: int, world: int) -> MetricSuite:
    """A suite that has seen this rank's share of the rows, in batches of two."""
    kind, n, spread, decided, known_share = CASES[case]
    mine = {"in_turn": range(rank, n, world), "first_only": range(n if rank == 0 else 0)}
    share = list(mine.get(spread, range(n if rank == world - 1 else 0)))
    every, suite = rows(kind, n), metric_suite(kind, 7)
    if not decided:
        del every["predictions"]
    if known_share < 1:
        every["known"] = torch.rand(every["target"].shape, generator=torch.Generator().manual_seed(n)) < known_share
        every["known"][: n // 2 : 2] = False  # the first rank's first rows
    if known_share < 1 and kind == "single":
        every["predictions"][1::3] = -1  # rejected
    for start in range(0, len(share), 2):
        suite.update(**{name: values[share[start : start + 2]] for name, values in every.items()})
    return suite


def extreme(rank: int, world: int) -> dict[str, float]:
    """Metrics of many classes over this rank's share of 13 rows, in batches of two; the last share is the smaller."""
    random = torch.Generator().manual_seed(3)
    best = torch.rand(13, 9, generator=random).argsort(dim=1)[:, :5]
    target = LabelLists.from_multi_hot(torch.rand(13, 9, generator=random) < 0.3)
    metrics = ExtremeMetrics(9, (1, 3, 5), inverse_propensity=torch.linspace(1, 4, 9))
    share = torch.arange(13)[rank::world]
    for places in share.split(2):
        metrics.update(best[places], target[places])
    return metrics.compute()


def results(suite: MetricSuite) -> list[object]:
    """Values and table: two gatherings, so that the second shows this rank's own rows are back after the first."""
    return [suite.compute(), suite.per_class(), suite.examples()]


def main() -> None:
    """Score every case with the other rank and write down what came out."""
    rank, folder = int(sys.argv[1]), Path(sys.argv[2])
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting_point'}", rank=rank, world_size=2, timeout=timedelta(seconds=40)
    )
    found: dict[str, object] = {case: results(score(case, rank, 2)) for case in CASES}
    suite = score("multi-13-second_only-decided-1", rank, 2)
    suite.compute()
    suite.reset()
    suite.update(**rows("multi", 3))  # the same three rows on both ranks
    found["reset"] = suite.compute()
    found["extreme"] = extreme(rank, 2)
    losses = EpochLoss()
    for loss, count in [(1.0, 3), (5.0, 1), (0.0, 0)][2 * rank : 2 * rank + 2]:  # two batches, and one without examples
        losses.update(torch.tensor(loss), count)
    found["epoch_loss"] = losses.compute()
    (folder / f"rank{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
