"""What a mean over examples and L-BFGS have to do with each other; the mean itself is tested with the module."""

from functools import partial

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from sklearn.linear_model import LogisticRegression
from torch import nn

from torchheads import SoftmaxHead
from torchheads.data import Batch
from torchheads.errors import HeadConfigError
from torchheads.module import ClassificationModule
from torchheads.optim import lbfgs

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:.*{words}.*")
    for words in ("does not have many workers", "smaller than the logging interval", "have no `val_dataloader`")
]
OPTIONS = {"max_iter": 500, "tolerance_grad": 1e-9, "tolerance_change": 1e-14}


def batches(rows, size):
    torch.manual_seed(0)
    features, target = torch.randn(rows, 5, dtype=torch.float64), torch.randint(0, 3, (rows,))
    target[features[:, 0] > 1] = -1  # what is unknown is not counted
    index = torch.arange(rows)
    return [Batch(features[i : i + size], target[i : i + size], index[i : i + size]) for i in range(0, rows, size)]


def fitted(tmp_path, data, weight_decay=0.0, **options):
    head = SoftmaxHead(5, 3, ignore_index=-1)
    module = ClassificationModule(nn.Flatten(), head, partial(lbfgs, weight_decay=weight_decay, **OPTIONS))
    trainer = Trainer(
        accelerator="cpu", precision="64-true", max_epochs=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
        default_root_dir=tmp_path, **options,
    )  # fmt: skip
    trainer.fit(module, train_dataloaders=torch.utils.data.DataLoader(data, batch_size=None))
    return head


def test_the_penalty_is_not_divided_by_the_number_of_examples_known(tmp_path):
    ((features, target, *_),) = data = batches(60, 60)
    known = target >= 0
    assert 40 < known.sum() < 60
    head = fitted(tmp_path, data, weight_decay=1 / (0.5 * int(known.sum())))
    model = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(features[known].numpy(), target[known].numpy())
    expected = model.predict_proba(features.numpy())
    np.testing.assert_allclose(head.probabilities(head(features)).detach(), expected, atol=1e-5)


def test_lbfgs_does_not_accumulate(tmp_path):
    message = r"TH-H13: L-BFGS with 1 rank\(s\) and 2 accumulated batch\(es\); allowed one of each"
    with pytest.raises(HeadConfigError, match=message):
        fitted(tmp_path, batches(60, 30), accumulate_grad_batches=2)
