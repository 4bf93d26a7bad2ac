"""One of two processes that score the same rows together; `test_two_ranks.py` starts both.

Usage: two_ranks.py RANK FOLDER
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed

from torchheads.metrics import MetricSuite, metric_suite

# name -> (label type, number of rows, who has them, with predictions)
CASES = {
    f"{kind}-{n}-{spread}-{'decided' if decided else 'undecided'}": (kind, n, spread, decided)
    for kind in ("single", "multi")
    for n, spread, decided in [
        (0, "in_turn", True),
        (1, "in_turn", True),
        (1, "second_only", False),
        (13, "in_turn", True),
        (13, "in_turn", False),
        (13, "first_only", True),
        (13, "second_only", True),
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
    kind, n, spread, decided = CASES[case]
    mine = {"in_turn": range(rank, n, world), "first_only": range(n if rank == 0 else 0)}
    share = list(mine.get(spread, range(n if rank == world - 1 else 0)))
    every, suite = rows(kind, n), metric_suite(kind, 7)
    if not decided:
        del every["predictions"]
    for start in range(0, len(share), 2):
        suite.update(**{name: values[share[start : start + 2]] for name, values in every.items()})
    return suite


def results(suite: MetricSuite) -> list[object]:
    """Values and table: two gatherings, so that the second shows this rank's own rows are back after the first."""
    return [suite.compute(), suite.per_class()]


def main() -> None:
    """Score every case with the other rank and write down what came out."""
    rank, folder = int(sys.argv[1]), Path(sys.argv[2])
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting_point'}", rank=rank, world_size=2, timeout=timedelta(seconds=40)
    )
    found: dict[str, object] = {case: results(score(case, rank, 2)) for case in CASES}
    suite = score("multi-13-second_only-decided", rank, 2)
    suite.compute()
    suite.reset()
    suite.update(**rows("multi", 3))  # the same three rows on both ranks
    found["reset"] = suite.compute()
    (folder / f"rank{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
