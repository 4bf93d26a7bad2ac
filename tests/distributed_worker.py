"""What each of two processes runs in test_distributed.py: one step of training and one test, figures to a file.

Usage: torchrun --nproc-per-node 2 tests/distributed_worker.py HEAD LABEL_TYPE OUTPUT FOLDER
"""

import json
import sys
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.build import quieten_lightning
from torchheads.data import DigitCanvases, Digits
from torchheads.data.batch import Split
from torchheads.module import ClassificationModule
from torchheads.optim import constant, sgd

HEADS = {"softmax": SoftmaxHead, "sigmoid": SigmoidHead}
TEST_ROWS = 13


def digits() -> Digits:
    """Digits of which 13 are left to test on."""
    data = Digits(batch_size=1148 // world_size(), eval_batch_size=4)
    data.setup()
    return cut(data)


def canvases() -> DigitCanvases:
    """Canvases of which 13 are left to test on."""
    sizes = {"train_size": 64, "val_size": 10, "calibration_size": 10, "test_size": TEST_ROWS}
    data = DigitCanvases(**sizes, batch_size=64 // world_size(), eval_batch_size=4)
    data.setup()
    return data


def cut(data: Digits) -> Digits:
    """Leave 13 test rows."""
    split = data.split("test")
    data._splits = {**data._splits, "test": Split(split.input[:TEST_ROWS], split.target[:TEST_ROWS])}
    return data


def world_size() -> int:
    """How many processes share the work."""
    import os

    return int(os.environ.get("WORLD_SIZE", "1"))


def main(head: str, label_type: str, output: str, folder: str) -> None:
    """Train one step, test, and write what came out."""
    quieten_lightning()
    data = {"single": digits, "multi": canvases}[label_type]()
    torch.manual_seed(0)
    features = int(torch.tensor(data.input_shape).prod())
    built = HEADS[head](features, 10, label_type=label_type)
    optimizer = partial(sgd, lr=0.05, momentum=0.0, weight_decay=0.0, nesterov=False)
    module = ClassificationModule(nn.Flatten(), built, optimizer, constant)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "use_distributed_sampler": False, "num_sanity_val_steps": 0}
    strategy = "ddp" if world_size() > 1 else "auto"
    trainer = Trainer(
        accelerator="cpu", devices=world_size(), strategy=strategy, max_steps=1, default_root_dir=folder, **quiet
    )
    trainer.fit(module, datamodule=data)
    if not module.head.decision.fitted:
        trainer.predict(module, dataloaders=data.calibration_dataloader(), return_predictions=False)
        module.head.decision.fit(module.head.scores(module.collected.logits), module.collected.target.bool())
    trainer.test(module, datamodule=data, verbose=False)
    if trainer.is_global_zero:
        rows = module.collected
        record = {
            "rows": rows.index.tolist(),
            "logits": rows.logits.tolist(),
            "weight": module.head.classifier.weight.detach().sum(1).tolist(),
            "results": module.results,
            "per_class": module.per_class,
        }
        Path(output).write_text(json.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
