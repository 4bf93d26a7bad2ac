"""The best epoch is kept, the last one too, and what is no number is never best."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from torchheads.callbacks import BestCheckpoint
from torchheads.errors import HeadConfigError, NonFiniteError


def load(path):
    return torch.load(path, weights_only=True)


def note_saves(run, monkeypatch):
    """A list that names each checkpoint the trainer saves from now on."""
    save, saved = run.save_checkpoint, []
    monkeypatch.setattr(
        run, "save_checkpoint", lambda path, *args, **kw: (saved.append(Path(path).name), save(path, *args, **kw))
    )
    return saved


def kill_in(epoch):
    """A callback that fails in an epoch."""

    class Kill(Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.current_epoch == epoch:
                raise RuntimeError("killed")

    return Kill()


def stop_after(epochs):
    """A callback that asks for the end of training, as one that stops early does."""

    class Stop(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = trainer.current_epoch + 1 == epochs

    return Stop()


@pytest.mark.parametrize(
    ("mode", "scores", "best"),
    [
        ("max", [0.5, 0.9, 0.7], 1),
        ("min", [0.5, 0.9, 0.7], 0),
        ("max", [math.nan, 0.2, 0.1], 1),
        ("max", [0.4, math.nan, 0.3], 0),
        ("max", [0.4, math.inf, 0.5], 2),
        ("min", [-math.inf, 0.4, math.nan], 1),
        ("max", [0.4, 0.4, 0.4], 2),
        ("max", [0.4, 0.5, 0.5], 2),
        ("min", [0.4, 0.3, 0.3], 2),
    ],
)
def test_best_is_the_best_finite_epoch_and_last_is_the_last(scripted, batches, trainer, tmp_path, mode, scores, best):
    callback = BestCheckpoint(str(tmp_path / "kept"))
    trainer(callback).fit(scripted(scores, mode=mode), batches, batches)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert load(tmp_path / "kept" / "best.ckpt")["epoch"] == best
    assert load(tmp_path / "kept" / "last.ckpt")["epoch"] == 2
    assert callback.best_model_path == str(tmp_path / "kept" / "best.ckpt")
    assert callback.best_model_score.item() == pytest.approx(scores[best])


def test_the_last_epoch_is_saved_once_where_it_is_the_best(scripted, batches, trainer, tmp_path, monkeypatch):
    """A large model is written once then, under two names; what is written later to one leaves the other alone."""
    run = trainer(BestCheckpoint(str(tmp_path / "kept"), last_every=0))
    saved = note_saves(run, monkeypatch)
    run.fit(scripted([0.5, 0.4, 0.9]), batches, batches)
    assert saved == ["best.ckpt", "last.ckpt", "best.ckpt"]
    best, last = (tmp_path / "kept" / name for name in ("best.ckpt", "last.ckpt"))
    assert best.read_bytes() == last.read_bytes()
    assert best.samefile(last)
    assert list((tmp_path / "kept").glob("*.part")) == []
    (state,) = [state for state in load(last)["callbacks"].values() if "last_model_path" in state]
    assert state["last_model_path"] == str(last)


@pytest.mark.parametrize(
    ("options", "stops", "epochs"),
    [
        ({"max_epochs": 4}, 9, 4),
        ({"max_epochs": 9}, 4, 4),
        ({"max_epochs": -1, "max_steps": 16}, 9, 4),
        ({"max_epochs": -1, "max_steps": 15}, 9, 4),
    ],
)
def test_of_short_epochs_the_first_and_the_final_one_are_saved_as_last(
    scripted, batches, trainer, tmp_path, monkeypatch, options, stops, epochs
):
    run = trainer(stop_after(stops), BestCheckpoint(last_every=3600.0), **options)
    saved = note_saves(run, monkeypatch)
    run.fit(scripted([0.9, 0.5, 0.4, 0.3]), batches, batches)
    assert saved == ["best.ckpt", "last.ckpt"]  # the first epoch's last file is a copy of the best
    assert load(tmp_path / "checkpoints" / "last.ckpt")["epoch"] == epochs - 1


def test_the_last_file_is_written_anew_once_it_is_old_enough(scripted, batches, trainer, monkeypatch):
    times = iter([0.0, 4.9, 5.0, 5.0, 9.0, 9.0])  # written with the best, asked, asked and written, and so at the end
    callback = BestCheckpoint(last_every=5.0)
    run = trainer(callback, max_epochs=4)
    saved = note_saves(run, monkeypatch)
    monkeypatch.setattr(f"{BestCheckpoint.__module__}.time", SimpleNamespace(monotonic=lambda: next(times)))
    run.fit(scripted([0.9, 0.5, 0.4, 0.3]), batches, batches)
    assert saved == ["best.ckpt", "last.ckpt", "last.ckpt"]  # beside the first epoch's copy


def test_a_new_best_is_the_last_too(scripted, batches, trainer, tmp_path, monkeypatch):
    """A run carried on from the last would take a later best for one of its own past."""
    run = trainer(BestCheckpoint(last_every=3600.0), max_epochs=4)
    saved, ends = note_saves(run, monkeypatch), []
    folder = tmp_path / "checkpoints"
    module = scripted([0.1, 0.5, 0.9, 0.3])
    monkeypatch.setattr(module, "on_train_epoch_start", lambda: ends.append((folder / "last.ckpt").exists()))
    run.fit(module, batches, batches)
    assert ends == [False, True, True, True]
    assert saved == ["best.ckpt", "best.ckpt", "best.ckpt", "last.ckpt"]  # with a copy of each best


def test_a_new_best_within_an_epoch_makes_its_end_the_last_too(scripted, batches, trainer, tmp_path, monkeypatch):
    module, scores = scripted(), iter([0.2, 0.1, 0.9, 0.3, 0.1, 0.1])  # two an epoch
    monkeypatch.setattr(module, "on_validation_epoch_end", lambda: module.log(module.logged, next(scores)))
    run = trainer(BestCheckpoint(last_every=3600.0), kill_in(3), max_epochs=4, val_check_interval=0.5)
    with pytest.raises(RuntimeError, match="killed"):
        run.fit(module, batches, batches)
    best, last = (load(tmp_path / "checkpoints" / name) for name in ("best.ckpt", "last.ckpt"))
    assert (best["epoch"], last["epoch"]) == (1, 1)
    assert best["global_step"] < last["global_step"]


def test_what_was_best_before_a_kill_is_known_to_the_run_that_goes_on(scripted, batches, trainer, tmp_path):
    callback = BestCheckpoint(last_every=3600.0)
    with pytest.raises(RuntimeError, match="killed"):
        trainer(callback, kill_in(2), max_epochs=4).fit(scripted([0.1, 0.9, 0.2, 0.3]), batches, batches)
    best, last = (load(tmp_path / "checkpoints" / name) for name in ("best.ckpt", "last.ckpt"))
    assert best["epoch"] == last["epoch"] == 1


def test_an_epoch_that_a_signal_ends_is_saved(scripted, batches, trainer, tmp_path):
    class Signal(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer._signal_connector.received_sigterm = trainer.current_epoch == 2

    with pytest.raises(SystemExit):
        trainer(Signal(), BestCheckpoint(last_every=3600.0), max_epochs=9).fit(
            scripted([0.9, 0.5, 0.4]), batches, batches
        )
    assert load(tmp_path / "checkpoints" / "last.ckpt")["epoch"] == 2


@pytest.mark.parametrize("seconds", [-1.0, math.nan, "abc", None, True])
def test_seconds_that_are_none_are_refused(seconds):
    with pytest.raises(HeadConfigError, match=r"TH-H04: callbacks\.best_checkpoint\.last_every=.* seconds\. Try"):
        BestCheckpoint(last_every=seconds)


def test_a_best_epoch_found_midway_is_not_taken_for_the_end_of_the_epoch(scripted, batches, trainer, tmp_path):
    trainer(BestCheckpoint(), val_check_interval=0.5, max_epochs=1).fit(scripted([0.1, 0.9]), batches, batches)
    best, last = (load(tmp_path / "checkpoints" / name) for name in ("best.ckpt", "last.ckpt"))
    ended = [state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] for state in (best, last)]
    assert ended == [0, 1]


@pytest.mark.parametrize("options", [{"check_val_every_n_epoch": 2, "max_epochs": 4}, {"val_check_interval": 0.5}])
def test_other_validation_rhythms(scripted, batches, trainer, tmp_path, options):
    trainer(BestCheckpoint(), **options).fit(scripted([0.1, 0.9, 0.3, 0.4]), batches, batches)
    assert load(tmp_path / "checkpoints" / "best.ckpt")["epoch"] == 1
    assert load(tmp_path / "checkpoints" / "last.ckpt")["epoch"] == options.get("max_epochs", 3) - 1


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_no_finite_score_is_an_error_at_the_end(scripted, batches, trainer, tmp_path, score):
    with pytest.raises(
        NonFiniteError, match=rf"TH-N01: val/accuracy was finite in no .* {score}\).*Try: a lower optim"
    ):
        trainer(BestCheckpoint()).fit(scripted([score] * 3), batches, batches)
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()
    assert (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_a_run_too_short_to_validate_is_an_error(scripted, batches, trainer):
    with pytest.raises(HeadConfigError, match=r"TH-H08: val/accuracy was never logged: training ended after 2 steps"):
        trainer(BestCheckpoint(), max_steps=2, max_epochs=-1).fit(scripted([0.5]), batches, batches)


def test_test_on_best_loads_with_weights_only(scripted, batches, trainer, tmp_path):
    module, run = scripted([0.5, 0.9, 0.7]), trainer(BestCheckpoint())
    run.fit(module, batches, batches)
    run.test(module, batches, ckpt_path="best", weights_only=True, verbose=False)
    best = load(tmp_path / "checkpoints" / "best.ckpt")["state_dict"]
    assert all(torch.equal(module.seen[-1][name], best[name]) for name in best)


def test_a_resumed_run_knows_the_best_of_the_first(scripted, batches, trainer, tmp_path):
    trainer(BestCheckpoint(), max_epochs=2).fit(scripted([0.9, 0.5]), batches, batches)
    callback = BestCheckpoint()
    last = tmp_path / "checkpoints" / "last.ckpt"
    run = trainer(callback, max_epochs=4)
    run.fit(scripted([0.0, 0.0, 0.8, 0.7]), batches, batches, ckpt_path=last, weights_only=True)
    assert load(tmp_path / "checkpoints" / "best.ckpt")["epoch"] == 0
    assert load(last)["epoch"] == 3
    assert callback.best_model_score.item() == pytest.approx(0.9)


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_resumed_in_another_folder_knows_the_best_of_the_first(scripted, batches, trainer, tmp_path, gone):
    first, second = tmp_path / "first", tmp_path / "second"
    trainer(BestCheckpoint(str(first)), max_epochs=2).fit(scripted([0.9, 0.5]), batches, batches)
    if gone:
        (first / "best.ckpt").unlink()
    callback = BestCheckpoint(str(second))
    run = trainer(callback, max_epochs=4)
    run.fit(scripted([0.0, 0.0, 0.8, 0.7]), batches, batches, ckpt_path=first / "last.ckpt", weights_only=True)
    kept = second if gone else first
    assert callback.best_model_path == str(kept / "best.ckpt")
    assert callback.best_model_score.item() == pytest.approx(0.8 if gone else 0.9)
    assert load(kept / "best.ckpt")["epoch"] == (2 if gone else 0)
    assert load(second / "last.ckpt")["epoch"] == 3


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
def test_a_resumed_run_that_watches_something_else_still_has_one_best_file(scripted, batches, trainer, tmp_path):
    trainer(BestCheckpoint(), max_epochs=2).fit(scripted([0.9, 0.5]), batches, batches)
    folder = tmp_path / "checkpoints"
    module = scripted([0.0, 0.0, 0.8, 0.7], watched="val/nll", mode="min")
    trainer(BestCheckpoint(), max_epochs=4).fit(
        module, batches, batches, ckpt_path=folder / "last.ckpt", weights_only=True
    )
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "last.ckpt"]
    assert load(folder / "best.ckpt")["epoch"] == 3


def test_another_runs_folder_is_refused(scripted, batches, trainer, tmp_path):
    trainer(BestCheckpoint()).fit(scripted([0.5] * 3), batches, batches)
    before = (tmp_path / "checkpoints" / "best.ckpt").read_bytes()
    with pytest.raises(HeadConfigError, match=r"TH-H16: .*checkpoints already holds .*Try: ckpt_path=.*last\.ckpt"):
        trainer(BestCheckpoint()).fit(scripted([0.9] * 3), batches, batches)
    assert (tmp_path / "checkpoints" / "best.ckpt").read_bytes() == before


def test_the_same_trainer_may_fit_on(scripted, batches, trainer):
    module, run = scripted([0.5] * 5), trainer(BestCheckpoint())
    run.fit(module, batches, batches)
    run.fit_loop.max_epochs = 5
    run.fit(module, batches, batches)
    assert run.current_epoch == 5


def test_other_weights_than_best_and_last_are_refused():
    assert BestCheckpoint().weights == "best"
    with pytest.raises(HeadConfigError, match=r"TH-H04: callbacks\.best_checkpoint\.weights='final'; allowed best"):
        BestCheckpoint(weights="final")
