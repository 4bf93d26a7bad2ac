"""What each of two processes runs in test_fsdp.py: a run in one piece, and the same run carried on after an epoch.

Usage: torchrun --nproc-per-node 2 tests/fsdp_worker.py FOLDER WORD...
"""

import json
import sys
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module

from torchheads.build import build_trainer
from torchheads.build_data import build_data
from torchheads.build_run import fresh_module
from torchheads.config import check_config


def fit(config: dict[str, Any], folder: Path, epochs: int, resume: Path | None = None) -> dict[str, float]:
    """Train up to an epoch, test, save final.ckpt; the test metrics."""
    trainer = build_trainer({**config, "trainer": {**config["trainer"], "max_epochs": epochs}}, folder)
    data = build_data(config["data"], config["backbone"])
    module = fresh_module(config, data)
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    trainer.test(module, datamodule=data, verbose=False)
    trainer.save_checkpoint(folder / "checkpoints" / "final.ckpt", weights_only=True)
    results: dict[str, float] = module.results["test"]
    return results


def main(folder: Path, *words: str) -> None:
    """Both runs; test metrics of the first to a file."""
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        config = check_config(compose("train", list(words)))
    results = fit(config, folder / "whole", 2)
    fit(config, folder / "half", 1)
    fit(config, folder / "rest", 2, folder / "half" / "checkpoints" / "last.ckpt")
    (folder / "results.json").write_text(json.dumps(results))  # the same on both ranks


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
