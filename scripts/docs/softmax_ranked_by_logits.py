"""What a softmax head on label sets gains or loses where its raw logits are ranked instead of its log-odds.

python scripts/docs/softmax_ranked_by_logits.py outputs/studies/embedded

The runs are there already: only the ranking of their test scores changes (``head.score=logit``), so a row is the
difference of two rankings of the same models, over training seeds and test samples.
"""

import argparse
from pathlib import Path

import numpy as np

from torchheads.study import verdict
from torchheads.study.functional.crossed import metric_difference
from torchheads.study.functional.metrics import mean_average_precision
from torchheads.study.measures import target_of
from torchheads.study.runs import Run, find_runs


def row(name: str, runs: list[Run], resamples: int) -> str:
    """A row of Markdown: both rankings, and what their difference says."""
    found = [run.predictions() for run in runs]
    logits, scores = (np.stack([getattr(each, kind) for each in found]) for kind in ("logits", "scores"))
    target = target_of(found[0])
    difference = metric_difference(mean_average_precision, logits, scores, target, resamples=resamples)
    means = [np.mean([mean_average_precision(each, target) for each in ranked]) for ranked in (scores, logits)]
    return f"| {name} | {means[0]:.4f} | {means[1]:.4f} | {verdict(difference, 'raw logits', 'log-odds')} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="folder of a study")
    parser.add_argument("--resamples", type=int, default=400, help="of test samples")
    options = parser.parse_args()
    runs = [run for run in find_runs([options.study]) if run.head == "softmax" and run.label_type == "multi"]
    print("| data | log-odds | raw logits | |\n|---|---|---|---|")
    for name in dict.fromkeys(run.data for run in runs):
        of_data = [run for run in runs if run.data == name]
        if len(of_data) > 1:
            print(row(name, of_data, options.resamples))


if __name__ == "__main__":
    main()
