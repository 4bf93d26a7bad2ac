"""The lines printed before the first step."""

from types import SimpleNamespace

import pytest
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.callbacks import StartSummary
from torchheads.callbacks.start_summary import memory, parameters, summary


def test_all_lines_with_data_that_tell_everything(scripted):
    data = SimpleNamespace(name="digits", batch_size=64, num_samples={"train": 1077, "val": 180})
    assert summary(scripted(), data) == [
        "data      digits: single-label, 3 classes, 1,077 train / 180 val",
        "model     Sequential 20 + Head 15 parameters",
        "logits    64 x 3 a batch, 768.0 B",
        "watching  val/accuracy, highest is best",
    ]


@pytest.mark.parametrize(
    ("head", "line"),
    [
        (SoftmaxHead(4, 3), None),
        (SigmoidHead(4, 3), None),
        (SoftmaxHead(4, 3, label_type="multi"), "training  on label sets: cross-entropy"),
        (SigmoidHead(4, 3, label_type="single"), "training  on one class each: binary cross-entropy"),
    ],
)
def test_a_head_on_the_other_label_type_says_what_it_learns(head, line):
    module = SimpleNamespace(backbone=nn.Flatten(), head=head, watched="val/accuracy", watched_mode="max")
    lines = summary(module, None)
    assert [text for text in lines if text.startswith("training")] == [text for text in lines if line and line in text]
    assert len(lines) == 4 + (line is not None)


def test_what_is_unknown_is_left_out(scripted):
    lines = summary(scripted(watched="val/nll", mode="min"), None)
    assert lines[0] == "data      data: single-label, 3 classes"
    assert lines[2:] == ["logits    3 an example, 12.0 B", "watching  val/nll, lowest is best"]


def test_frozen_parameters_are_told_apart():
    part = nn.Linear(10, 200)
    part.bias.requires_grad_(False)
    assert parameters(part) == "Linear 2,200 (2,000 trainable)"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.0 B"),
        (1023, "1023.0 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20, "1.0 MiB"),
        (2**60, "1048576.0 TiB"),
    ],
)
def test_memory_by_hand(size, text):
    assert memory(size) == text


def test_is_printed_once_before_training_and_not_for_a_test(scripted, batches, trainer, capsys):
    run, module = trainer(StartSummary()), scripted([0.5] * 3)
    run.fit(module, batches, batches)
    run.test(module, batches, verbose=False)
    assert capsys.readouterr().out.splitlines() == summary(module, None)
