"""A fit ends when the watched metric no longer gets better, and says so."""

import math

import pytest
import torch

from torchheads.callbacks import EarlyStopping
from torchheads.errors import HeadConfigError


@pytest.mark.parametrize(
    ("mode", "scores", "options", "epochs"),
    [
        ("max", [0.1, 0.2, 0.3, 0.3, 0.3, 0.9], {"patience": 2}, 5),
        ("min", [0.9, 0.8, 0.7, 0.7, 0.7, 0.1], {"patience": 2}, 5),
        ("max", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], {"patience": 1}, 6),
        ("max", [0.1, 0.15, 0.2, 0.25, 0.3, 0.35], {"patience": 1, "min_delta": 0.08}, 2),
        ("min", [0.9, 0.85, 0.8, 0.75, 0.7, 0.65], {"patience": 1, "min_delta": 0.08}, 2),
        ("max", [0.1, math.nan, 0.3, 0.4, 0.5, 0.6], {"patience": 5}, 2),
    ],
)
def test_stops_after_the_epoch_worked_by_hand(scripted, batches, trainer, mode, scores, options, epochs):
    run = trainer(EarlyStopping(**options), max_epochs=6)
    run.fit(scripted(scores, mode=mode), batches, batches)
    assert run.current_epoch == epochs


def test_says_why(scripted, batches, trainer, capsys):
    trainer(EarlyStopping(patience=1), max_epochs=6).fit(scripted([0.5, 0.25]), batches, batches)
    assert capsys.readouterr().out == "stopped in epoch 2: val/accuracy did not get better than 0.5 in 1 validations\n"
    trainer(EarlyStopping(patience=1), max_epochs=6).fit(scripted([0.5, math.nan]), batches, batches)
    assert capsys.readouterr().out == "stopped in epoch 2: val/accuracy is no longer finite\n"


def test_says_nothing_when_it_did_not_stop(scripted, batches, trainer, capsys):
    trainer(EarlyStopping()).fit(scripted([0.1, 0.2, 0.3]), batches, batches)
    assert capsys.readouterr().out == ""


def test_patience_is_counted_on_across_a_resume(scripted, batches, trainer, tmp_path):
    scores = [0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    first = trainer(EarlyStopping(patience=3), max_epochs=2)
    first.fit(scripted(scores), batches, batches)
    first.save_checkpoint(tmp_path / "two.ckpt", weights_only=False)
    torch.load(tmp_path / "two.ckpt", weights_only=True)
    second = trainer(EarlyStopping(patience=3), max_epochs=6)
    second.fit(scripted(scores), batches, batches, ckpt_path=tmp_path / "two.ckpt", weights_only=True)
    assert second.current_epoch == 4


def test_the_best_is_remembered_when_the_same_trainer_fits_on(scripted, batches, trainer):
    module, run = scripted([0.9, 0.5, 0.6, 0.7, 0.8]), trainer(EarlyStopping(patience=2), max_epochs=2)
    run.fit(module, batches, batches)
    run.fit_loop.max_epochs = 5
    run.fit(module, batches, batches)
    assert run.current_epoch == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, r"patience=0; allowed a whole number from 1\. Try: callbacks\.early_stopping\.patience=10"),
        ({"patience": 1.5}, r"patience=1\.5"),
        ({"min_delta": -1}, r"min_delta=-1; allowed a number from 0"),
        ({"min_delta": "0"}, r"min_delta='0'"),
        ({"min_delta": math.nan}, r"min_delta=nan"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(HeadConfigError, match=rf"TH-H13: early_stopping\.{message}"):
        EarlyStopping(**options)
