"""`FitHeldOut` in somebody else's script: fitted when training ends, and again where unfitted weights were loaded."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from torchheads import FittedThreshold, MultiHead, SigmoidHead, SoftmaxHead
from torchheads.calibration import Temperature
from torchheads.callbacks import BestCheckpoint, FitHeldOut
from torchheads.data import CanvasTasks, DigitCanvases
from torchheads.errors import FitError
from torchheads.guarantees import FalseNegativeRate
from torchheads.module import ClassificationModule

SIZES = {"train_size": 64, "val_size": 32, "calibration_size": 48, "test_size": 40, "batch_size": 32}
QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}


def trainer(tmp_path, *callbacks):
    return Trainer(max_epochs=1, default_root_dir=tmp_path, callbacks=list(callbacks), **QUIET)


@pytest.fixture
def canvases():
    data = DigitCanvases(**SIZES)
    data.setup()
    return data


def width(data):
    return torch.Size(data.input_shape).numel()


def make(data, **options):
    head = SigmoidHead(width(data), 10, decision=FittedThreshold(), **options)
    return ClassificationModule(nn.Flatten(), head)


def expected(model, data, **options):
    """Cuts fitted by hand on the calibration split."""
    rows = list(data.calibration_dataloader())
    rule = FittedThreshold(**options)
    rule.bind(10)
    with torch.no_grad():
        scores = torch.cat([model.head.scores(model(batch.input)) for batch in rows])
    rule.fit(scores, torch.cat([batch.target for batch in rows]).bool())
    return rule.cut


def test_the_head_is_fitted_when_training_ends(canvases, tmp_path):
    model = make(canvases, calibrator=Temperature())
    trainer(tmp_path, FitHeldOut()).fit(model, datamodule=canvases)
    assert model.head.fitted
    torch.testing.assert_close(model.head.decision.cut, expected(model, canvases))


def test_weights_that_were_saved_unfitted_are_fitted_before_they_are_tested(canvases, tmp_path):
    model = make(canvases)
    nn.init.normal_(model.head.classifier.weight, std=0.01)
    runner = trainer(tmp_path, FitHeldOut())
    runner.test(model, datamodule=canvases, verbose=False)
    torch.testing.assert_close(model.head.decision.cut, expected(model, canvases))
    assert "micro_f1" in model.results["test"]
    cut = model.head.decision.cut.clone()
    nn.init.zeros_(model.head.classifier.weight)
    runner.validate(model, datamodule=canvases, verbose=False)
    assert torch.equal(model.head.decision.cut, cut)  # what is fitted stays


@pytest.mark.parametrize("call", ["validate", "predict"])
def test_before_other_uses_too(call, canvases, tmp_path):
    model = make(canvases)
    options = {"verbose": False} if call == "validate" else {}
    getattr(trainer(tmp_path, FitHeldOut("val")), call)(model, datamodule=canvases, **options)
    assert model.head.fitted


def test_the_module_is_as_it_was(canvases, tmp_path):
    model = make(canvases)
    seen = []
    model.on_train_epoch_end = lambda: seen.append(model.head.fitted)
    trainer(tmp_path, FitHeldOut()).fit(model, datamodule=canvases)
    assert seen == [False]
    assert model.collector._parts == []


def test_each_of_several_heads(tmp_path):
    data = CanvasTasks(**SIZES | {"train_size": 300})
    data.setup()
    tasks = data.num_classes
    heads = {
        name: SigmoidHead(width(data), tasks[name], decision=FittedThreshold())
        if data.label_type[name] == "multi"
        else SoftmaxHead(width(data), tasks[name])
        for name in tasks
    }
    model = ClassificationModule(nn.Flatten(), MultiHead(heads))
    trainer(tmp_path, FitHeldOut()).fit(model, datamodule=data)
    assert all(head.fitted for head in heads.values())


def test_without_a_data_module_there_is_nothing_to_fit_on(canvases, tmp_path):
    model = make(canvases)
    with pytest.raises(FitError, match=r"TH-F04: the head must be fitted, .* with calibration_dataloader"):
        trainer(tmp_path / "one", FitHeldOut()).fit(model, canvases.train_dataloader(), canvases.val_dataloader())
    decided = ClassificationModule(nn.Flatten(), SigmoidHead(width(canvases), 10))
    trainer(tmp_path, FitHeldOut()).fit(decided, canvases.train_dataloader(), canvases.val_dataloader())


@pytest.mark.parametrize(("split", "code"), [("test", "Z01"), ("train", "Z03")])
def test_splits_that_nothing_may_be_fitted_on(split, code):
    with pytest.raises(FitError, match=f"TH-{code}: split='{split}'"):
        FitHeldOut(split)


def test_a_checkpoint_is_tested_twice(canvases, tmp_path):
    """What was fitted within a test makes room for the state of the next one."""
    model = make(canvases, calibrator=Temperature(), guarantee=FalseNegativeRate(0.3))
    runner = trainer(tmp_path, FitHeldOut(), best := BestCheckpoint(tmp_path / "checkpoints"))
    runner.fit(model, datamodule=canvases)
    cuts = []
    for _ in range(2):
        runner.test(model, datamodule=canvases, ckpt_path=best.best_model_path, verbose=False)
        cuts.append(model.head.decision.cut.clone())
        assert not any(buffer.is_inference() for buffer in model.head.buffers())
    assert torch.equal(*cuts)


def test_a_head_fitted_before_is_fitted_for_the_weights_of_the_last_training(canvases, tmp_path):
    model = make(canvases)
    for number in range(2):
        trainer(tmp_path / str(number), FitHeldOut()).fit(model, datamodule=canvases)
        torch.testing.assert_close(model.head.decision.cut, expected(model, canvases))


@pytest.mark.parametrize("split", ["predict", "Calibration", ""])
def test_splits_that_there_are_not(split):
    with pytest.raises(FitError, match=f"TH-F04: split='{split}'; allowed 'calibration', 'val'. Try: split="):
        FitHeldOut(split)


def test_a_module_of_another_kind_is_refused():
    class Plain(LightningModule):
        pass

    with pytest.raises(FitError, match=r"TH-F04: FitHeldOut got a Plain; allowed a torchheads\.module\.Class"):
        FitHeldOut().on_train_end(None, Plain())
