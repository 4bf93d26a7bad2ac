"""Plain lines where nobody watches, a bar where somebody does."""

import io
import math
import os
import pty
import re
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from torchheads.callbacks import Progress
from torchheads.callbacks.progress import epoch_line, line_due, wants_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@contextmanager
def terminal(monkeypatch, **environment):
    """Standard output as a pseudo-terminal; the list given fills with what was written, once the block has ended."""
    for name in ("CI", "NO_COLOR", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm-256color", "LINES": "24"} | environment).items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    written = []

    def read():
        with suppress(OSError):  # raised once the other end is closed
            while piece := os.read(ours, 65536):
                written.append(piece.decode(errors="replace"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        yield written
    reader.join(10)
    os.close(ours)


def times_out(text):
    return re.sub(r"\d+\.\d s", "T s", text)


def test_one_plain_line_an_epoch_with_the_epochs_own_values(scripted, batches, trainer, capsys):
    module = scripted([0.25, 0.5, math.nan], lr=0.0)
    trainer(Progress()).fit(module, batches, batches)
    text = times_out(capsys.readouterr().out)
    loss = re.search(r"train/loss (\S+)", text)[1]
    assert float(loss) > 0
    assert text.splitlines() == [
        f"epoch 1/3  train/loss {loss}  val/accuracy 0.2500  T s",
        f"epoch 2/3  train/loss {loss}  val/accuracy 0.5000  T s",
        f"epoch 3/3  train/loss {loss}  val/accuracy nan  T s",
    ]


def test_the_line_has_the_loss_of_its_own_epoch_not_the_one_before(scripted, batches, trainer, capsys):
    module = scripted([0.5] * 3)
    losses = []
    log_loss = module.on_train_epoch_end

    def remember():
        losses.append(f"{module.total:#.4g}")
        log_loss()

    module.on_train_epoch_end = remember
    trainer(Progress()).fit(module, batches, batches)
    assert re.findall(r"train/loss (\S+)", capsys.readouterr().out) == losses
    assert len(set(losses)) == 3


def test_many_epochs_get_few_lines_and_the_last_one(scripted, batches, trainer, capsys):
    trainer(Progress(lines=3), max_epochs=10).fit(scripted([0.5] * 10), batches, batches)
    epochs = re.findall(r"^epoch +(\d+)/10", capsys.readouterr().out, flags=re.MULTILINE)
    assert epochs == ["1", "4", "8", "10"]


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before")
def test_an_epoch_resumed_midway_is_timed_from_the_resume(scripted, batches, trainer, tmp_path, capsys):
    first = scripted([0.5] * 3)
    steps = trainer(max_epochs=-1, max_steps=6)
    first.on_train_batch_end = lambda outputs, batch, index: (
        steps.save_checkpoint(tmp_path / "mid.ckpt") if steps.global_step == 6 else None
    )
    steps.fit(first, batches, batches)
    resumed = trainer(Progress())
    resumed.fit(scripted([0.5] * 3), batches, batches, ckpt_path=tmp_path / "mid.ckpt", weights_only=True)
    seconds = re.findall(r"^epoch (\d)/3 .* (\S+) s$", capsys.readouterr().out, flags=re.MULTILINE)
    assert [epoch for epoch, _ in seconds] == ["2", "3"]
    assert all(float(second) < 60 for _, second in seconds)


def test_a_test_prints_no_line(scripted, batches, trainer, capsys):
    trainer(Progress()).test(scripted(), batches, verbose=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", ["80", "20"])
def test_a_bar_on_a_terminal_and_the_last_line_after_it(scripted, batches, trainer, monkeypatch, columns):
    with terminal(monkeypatch, COLUMNS=columns) as written:
        trainer(Progress()).fit(scripted([0.25, 0.5, 0.75]), batches, batches)
    text = "".join(written)
    assert "Epoch" in text
    assert "\x1b[2K" in text  # a line was redrawn
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "").replace("\n", "")
    assert "epoch 3/3" in plain
    assert "epoch 1/3" not in plain


@pytest.mark.parametrize(("environment", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_means_no_colour(scripted, batches, trainer, monkeypatch, environment, colours):
    with terminal(monkeypatch, COLUMNS="80", **environment) as written:
        trainer(Progress()).fit(scripted([0.5] * 3), batches, batches)
    text = "".join(written)
    codes = {code for style in re.findall(r"\x1b\[([0-9;]*)m", text) for code in style.split(";")}
    assert "Epoch" in text
    assert bool(codes & {"38", "48", *map(str, range(30, 38))}) is colours


@pytest.mark.parametrize(
    ("stream", "environment", "bar"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (Terminal(), {"CI": "true"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_wants_bar(stream, environment, bar):
    assert wants_bar(stream, environment) is bar


@pytest.mark.parametrize("max_epochs", [1, 2, 19, 20, 21, 100, 5000])
def test_a_fit_of_any_length_gets_about_twenty_lines(max_epochs):
    due = [line_due(epoch, max_epochs, 20) for epoch in range(max_epochs)]
    assert due[0]
    assert min(max_epochs, 10) <= sum(due) <= 21


def test_an_endless_fit_thins_out():
    due = [epoch + 1 for epoch in range(100) if line_due(epoch, -1, 4)]
    assert due == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]


def test_line_without_an_end_in_sight():
    assert epoch_line(4, -1, {}, 2.0) == "epoch 5  2.0 s"
    assert epoch_line(4, None, {"val/nll": 1234.5}, 2.0) == "epoch 5  val/nll 1234.  2.0 s"
