"""Resuming ``trainer.fit`` at every step: each row is trained exactly once an epoch, in the order of the whole run."""

import logging
from itertools import pairwise

import lightning.pytorch as pl
import pytest
import torch

from torchheads.data import ClassificationData, Split

ROWS, BATCH_SIZE, STEPS, EPOCHS = 18, 4, 5, 3  # the last batch of an epoch has two rows

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")


class Rows(ClassificationData):
    name = "rows"
    label_type = "single"
    class_names = ("a", "b")
    input_shape = (1, 2, 2)

    def __init__(self):
        super().__init__(BATCH_SIZE, 8, split_seed=0, seed=3, augment=None, drop_last=False)

    def load_splits(self):
        images = torch.arange(ROWS * 4, dtype=torch.uint8).view(ROWS, 1, 2, 2)
        return dict.fromkeys(("train", "val", "calibration", "test"), Split(images, torch.zeros(ROWS).long()))


class Recorder(pl.LightningModule):
    """Trains one layer and writes down (epoch, batch_idx, rows) of each step."""

    def __init__(self, estimate=False, fail_at=None):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        self.estimate = estimate
        self.fail_at = fail_at
        self.steps = []

    def training_step(self, batch, batch_idx):
        if len(self.steps) == self.fail_at:
            raise KeyError("a batch that cannot be trained")
        self.steps.append((self.current_epoch, batch_idx, batch.index.tolist()))
        return self.layer(batch.input.flatten(1)).square().mean()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        if self.estimate:  # builds the loaders before a checkpoint is restored
            assert self.trainer.estimated_stepping_batches == STEPS * EPOCHS
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Saver(pl.Callback):
    """Saves a checkpoint named by the step at the hooks given."""

    def __init__(self, folder, hook):
        self.folder = folder
        setattr(self, hook, self.save)

    def save(self, trainer, *_):
        if not trainer.sanity_checking:
            trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


def fit(folder, hook="on_train_batch_end", ckpt_path=None, data=None, **options):
    """Train the rest of three epochs; the steps taken. The checkpoints lie in ``folder``, named by step."""
    folder.mkdir(exist_ok=True)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = Recorder(**options)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[Saver(folder, hook)],
    )
    try:
        trainer.fit(module, datamodule=data or Rows(), ckpt_path=ckpt_path, weights_only=True)
    except KeyError:
        assert module.fail_at is not None
    return module.steps


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    steps = fit(tmp_path_factory.mktemp("whole"))
    assert len(steps) == STEPS * EPOCHS
    return steps


def test_whole_run_trains_every_row_once_an_epoch(whole):
    for epoch in range(EPOCHS):
        steps = [(batch, rows) for number, batch, rows in whole if number == epoch]
        assert [batch for batch, _ in steps] == list(range(STEPS))
        assert sorted(row for _, rows in steps for row in rows) == list(range(ROWS))


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_validation_end", "on_train_epoch_end"])
@pytest.mark.parametrize("estimate", [False, True], ids=["", "estimated_stepping_batches"])
def test_resume_wherever_a_checkpoint_is_saved(hook, estimate, whole, tmp_path):
    fit(tmp_path, hook, estimate=estimate)
    saved = sorted(int(path.stem) for path in tmp_path.glob("*.ckpt"))
    assert saved == (list(range(1, 16)) if hook == "on_train_batch_end" else [5, 10, 15])
    for step in saved:
        rest = fit(tmp_path / "again", ckpt_path=tmp_path / f"{step}.ckpt", estimate=estimate)
        assert rest == whole[step:], f"resumed at step {step}"


@pytest.mark.parametrize("stops", [(2, 3), (4, 5, 6), (5, 7, 9), (5, 10, 11), (5, 6, 10, 12), (1, 5, 14)], ids=str)
def test_chain_of_resumes(stops, whole, tmp_path):
    fit(tmp_path / "0")
    for number, (step, following) in enumerate(pairwise((*stops, None))):
        rest = fit(tmp_path / str(number + 1), ckpt_path=tmp_path / str(number) / f"{step}.ckpt")
        assert rest == whole[step:], f"resumed at {step}, next at {following}"


@pytest.mark.parametrize("fail_at", [0, 3, 4, 5])
def test_batch_that_failed_is_trained_after_resuming(fail_at, whole, tmp_path):
    done = fit(tmp_path, "on_exception", fail_at=fail_at)
    rest = fit(tmp_path / "again", ckpt_path=tmp_path / f"{fail_at}.ckpt")
    assert done + rest == whole
    rest = fit(tmp_path / "third", ckpt_path=tmp_path / "again" / f"{fail_at + 2}.ckpt")
    assert rest == whole[fail_at + 2 :]


def test_one_data_module_serves_several_runs(whole, tmp_path):
    data = Rows()
    assert fit(tmp_path, data=data) == whole
    assert fit(tmp_path / "resumed", ckpt_path=tmp_path / "7.ckpt", data=data) == whole[7:]
    assert fit(tmp_path / "fresh", data=data) == whole  # nothing of the resumed run is left in it


def test_other_loaders_of_the_module_are_whole_during_a_resumed_run(whole, tmp_path):
    class Look(Recorder):
        def on_train_batch_end(self, *_):
            assert len(list(self.trainer.datamodule.train_dataloader())) == STEPS

    fit(tmp_path)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=EPOCHS, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    module = Look()
    trainer.fit(module, datamodule=Rows(), ckpt_path=tmp_path / "7.ckpt", weights_only=True)
    assert module.steps == whole[7:]
