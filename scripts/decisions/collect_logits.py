"""Logits that decisions are compared on: of a model with a held-out calibration split, and of one with all rows.

    python scripts/decisions/collect_logits.py emotions experiment=mulan data.root=data/mulan data.set=emotions

For each seed one ``<name>-<head>-<seed>.npz`` in ``--output``: "calibration" and "test" of the model that was trained
without the calibration rows (a fifth of the training rows unless told otherwise), "full_test" of a model trained on all
of them, and "fold", the out-of-fold logits of all training rows; targets beside them. What is there already is not
trained again. With ``--checkpoint`` nothing is trained: one file with the two splits of a run that is there.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_module
from lightning.pytorch import Trainer

from torchheads.build import build_trainer, load_module
from torchheads.build_data import build_data, open_data
from torchheads.build_run import fresh_module, take_weights
from torchheads.config import check_config
from torchheads.crossfit import SPOKEN, out_of_fold
from torchheads.data import ClassificationData
from torchheads.module import ClassificationModule


def main() -> None:
    """Train for each seed and write what the models say."""
    options = argument_parser().parse_intermixed_args()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.checkpoint:
        module = load_module(options.checkpoint)
        data = open_data(None, module)
        trainer = build_trainer({**configuration([]), "callbacks": None, "logger": None}, options.output)
        arrays = judged(trainer, module, data, "calibration") | judged(trainer, module, data, "test")
        np.savez_compressed(options.output / f"{options.name}.npz", **arrays)
        return
    for seed in range(options.first_seed, options.seeds):
        overrides = [*options.overrides, f"seed={seed}", f"data.split_seed={seed}"]
        head = configuration(overrides)["head"]["_target_"].rpartition(".")[2].removesuffix("Head").lower()
        path = options.output / f"{options.name}-{head}-{seed}.npz"
        if path.exists():
            continue
        start = time.perf_counter()
        arrays = held_out(configuration([*overrides, f"data.calibration_share={options.share}"]))
        if options.folds:
            arrays |= all_rows(configuration([*overrides, "data.calibration_share=0.0"]), options.folds)
        np.savez_compressed(path, **arrays)
        print(f"{path.name}  {time.perf_counter() - start:.0f} s", flush=True)


def configuration(overrides: list[str]) -> dict[str, Any]:
    """The configuration of ``train.py`` with these overrides, as a plain dict."""
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        return dict(check_config(compose("train", overrides)))


def held_out(config: dict[str, Any]) -> dict[str, np.ndarray]:
    """Logits and targets of the calibration and the test split, by a model that has seen neither."""
    trainer, module, data = trained(config)
    return judged(trainer, module, data, "calibration") | judged(trainer, module, data, "test")


def all_rows(config: dict[str, Any], folds: int) -> dict[str, np.ndarray]:
    """Test logits of a model trained on all training rows, and out-of-fold logits of these."""
    trainer, module, data = trained(config)
    with tempfile.TemporaryDirectory() as folder:
        rows = out_of_fold(config, data, folds, Path(folder))
    found = {"full_test": judged(trainer, module, data, "test")["test"]}
    return found | {"fold": rows.logits.float().numpy(), "fold_target": rows.target.numpy()}


def trained(config: dict[str, Any]) -> tuple[Trainer, ClassificationModule, ClassificationData]:
    """Trainer, module and data after training as ``train.py`` trains."""
    callbacks = {name: part for name, part in (config["callbacks"] or {}).items() if name not in SPOKEN}
    options = {**config["trainer"], "enable_progress_bar": False}
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer({"callbacks": callbacks, "logger": None, "trainer": options}, Path(folder))
        data = build_data(config["data"], config["backbone"])
        module = fresh_module(config, data)
        trainer.fit(module, datamodule=data)
        take_weights(trainer, module)
    return trainer, module, data


def judged(
    trainer: Trainer, module: ClassificationModule, data: ClassificationData, split: str
) -> dict[str, np.ndarray]:
    """Logits and targets of a split, named after it."""
    trainer.predict(module, dataloaders=data.evaluation_dataloader(split), return_predictions=False)
    rows = module.collected
    return {split: rows.logits.float().numpy(), f"{split}_target": rows.target.numpy()}


def argument_parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="what the files are called")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.2, help="of the training rows, held out for fitting")
    parser.add_argument("--folds", type=int, default=5, help="0 leaves the models on all rows out")
    parser.add_argument("--output", type=Path, default=Path("outputs/decisions"))
    parser.add_argument("--checkpoint", help="final.ckpt of a run, in place of training")
    parser.add_argument("overrides", nargs="*", help="of train.py")
    return parser


if __name__ == "__main__":
    main()
