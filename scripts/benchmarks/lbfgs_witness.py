"""Do the heads optimise what they say? Linear heads trained by L-BFGS against scikit-learn's logistic regression.

    python scripts/benchmarks/lbfgs_witness.py --root data/mulan --output out.json

    sigmoid       a linear SigmoidHead, weight_decay = 1 / (C N), trained on the full batch by ClassificationModule and
                  Trainer, against one LogisticRegression(C) a label: mean average precision on the published test rows
    softmax       a linear SoftmaxHead on the digits against the multinomial LogisticRegression(C): accuracy

Both see the same standardised rows; biases have no penalty. Differences allowed: 0.0005 in float64 and 0.005 in float32
for mean average precision, 0.002 for accuracy.
"""

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.backbones import IdentityBackbone
from torchheads.build import quieten_lightning
from torchheads.data import ClassificationData, Digits, Mulan
from torchheads.heads import ClassificationHead
from torchheads.module import ClassificationModule
from torchheads.optim import lbfgs

SETS = ("scene", "yeast", "emotions", "birds")
PRECISIONS = {"64-true": {"tolerance_grad": 1e-8, "tolerance_change": 1e-13}, "32-true": {"tolerance_change": 1e-9}}
ALLOWED = {("sigmoid", "64-true"): 5e-4, ("sigmoid", "32-true"): 5e-3, ("softmax", "64-true"): 2e-3} | {
    ("softmax", "32-true"): 2e-3
}
ALL_ROWS = 10**9


def trained(data: ClassificationData, head: type[ClassificationHead], C: float, precision: str) -> dict[str, float]:  # noqa: N803
    """Test results of a linear head after one step of L-BFGS on all training rows."""
    backbone = IdentityBackbone(data.input_shape)
    classifier = head(backbone.out_features, data.num_classes, class_names=data.class_names)
    options = {"weight_decay": 1 / (C * data.num_samples["train"]), "max_iter": 5000, **PRECISIONS[precision]}
    module = ClassificationModule(backbone, classifier, partial(lbfgs, **options))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator="cpu", precision=precision, max_epochs=1, limit_val_batches=0, logger=False,  # type: ignore[arg-type]
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            use_distributed_sampler=False, default_root_dir=folder,
        )  # fmt: skip
        trainer.fit(module, datamodule=data)
        trainer.test(module, datamodule=data, verbose=False)
    return module.results["test"]


def rows(data: ClassificationData, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardised features (N, D) in float64 and targets of a split, as the loaders hand them out."""
    batches = list(data.evaluation_dataloader(split))
    features = torch.cat([batch.input for batch in batches]).flatten(1)
    return features.double().numpy(), torch.cat([batch.target for batch in batches]).numpy()


def one_vs_rest(data: ClassificationData, C: float) -> float:  # noqa: N803
    """Mean average precision of scikit-learn, over the labels that have a positive in the test rows."""
    (features, target), (test_features, test_target) = rows(data, "train"), rows(data, "test")
    precisions = []
    for label in np.flatnonzero(test_target.any(axis=0)):
        model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-8, max_iter=1000)
        scores = model.fit(features, target[:, label]).decision_function(test_features)
        precisions.append(average_precision_score(test_target[:, label], scores))
    return float(np.mean(precisions))


def multinomial(data: ClassificationData, C: float) -> float:  # noqa: N803
    """Accuracy of scikit-learn."""
    model = LogisticRegression(C=C, tol=1e-7, max_iter=10_000).fit(*rows(data, "train"))
    return float(model.score(*rows(data, "test")))


def cases(root: str) -> list[tuple[str, str, ClassificationData]]:
    """Head, metric and data of each comparison."""
    shares = {"val_share": 0.01, "calibration_share": 0.01, "batch_size": ALL_ROWS}
    tables = [("sigmoid", "mean_average_precision", Mulan(root, name, **shares)) for name in SETS]  # type: ignore[arg-type]
    return [*tables, ("softmax", "accuracy", Digits(batch_size=ALL_ROWS))]


def compare(head: str, metric: str, data: ClassificationData, C: float) -> list[dict[str, Any]]:  # noqa: N803
    """One row of the table for each precision."""
    kind, theirs = {"sigmoid": (SigmoidHead, one_vs_rest), "softmax": (SoftmaxHead, multinomial)}[head]
    reference, lines = theirs(data, C), []
    for precision in PRECISIONS:
        start = time.perf_counter()
        ours = trained(data, kind, C, precision)[metric]
        row = {"data": data.name, "head": head, "C": C, "precision": precision, "torchheads": ours}
        row |= {"scikit-learn": reference, "difference": abs(ours - reference), "allowed": ALLOWED[head, precision]}
        lines.append(row | {"seconds": time.perf_counter() - start})
        print(
            f"{data.name:<15} {head}  C={C:<5} {precision}  {ours:.6f}  {reference:.6f}  {row['difference']:.6f}"
            f"  {lines[-1]['seconds']:.1f} s",
            flush=True,
        )
    return lines


def main() -> None:
    """Run every comparison; fail when one is further off than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="the folder with the MULAN sets")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    quieten_lightning()
    print(f"{'data':<15} head     C       precision torchheads scikit-learn difference")
    table = [
        line
        for head, metric, data in cases(options.root)
        for C in (1, 0.1, 0.01)
        for line in compare(head, metric, data, C)
    ]
    if options.output:
        options.output.write_text(json.dumps(table, indent=1))
    if off := [line for line in table if line["difference"] > line["allowed"]]:
        raise SystemExit(f"{len(off)} comparisons are further off than allowed")


if __name__ == "__main__":
    main()
