"""The training benchmark at toy size: both contenders do the same mathematics, and the figures are written down."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import pytest
import torch

from torchheads import SigmoidHead, SoftmaxHead

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmarks" / "gpu_training.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("gpu_training", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("label_type", ["single", "multi"])
@pytest.mark.parametrize(("name", "kind"), [("softmax", SoftmaxHead), ("sigmoid", SigmoidHead)])
def test_both_contenders_have_the_same_loss_on_the_same_batch(script, name, kind, label_type):
    data = script.Generated(script.arguments(["--smoke", "--backbone", "squeezenet1_1"]), label_type)
    data.setup()
    bare = script.BareLoop(data, name)
    head = kind(16, 3, label_type=label_type)
    logits, target = torch.randn(24, 3), data.split("train").target
    torch.testing.assert_close(bare.loss(logits, target), head.loss_from_logits(logits, target))
    batch = next(iter(data.train_dataloader()))
    standardised = (bare.images[batch.index].float() - bare.mean) / bare.deviation
    torch.testing.assert_close(standardised, batch.input)


def test_a_toy_stays_one_whatever_else_is_typed(script):
    options = script.arguments(["--examples", "50000", "--smoke", "--label-types", "multi"])
    assert (options.device, options.examples, options.compile, options.label_types) == ("cpu", 24, False, ["multi"])
    assert script.arguments([]).examples == 50_000


@pytest.mark.filterwarnings("ignore")  # main() silences what its process warns of
def test_it_measures_and_writes(script, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.json"
    words = ["gpu_training.py", "--smoke", "--heads", "sigmoid", "--backbone", "squeezenet1_1", "--output", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.chdir(tmp_path)
    script.main()
    (record,) = json.loads(out.read_text())["records"]
    assert (record["head"], record["label_type"], record["device"]) == ("sigmoid", "single", "cpu")
    assert record["ratio"] == pytest.approx(record["torchheads_images_s"] / record["bare_images_s"])
    assert math.isfinite(record["ratio"])
    assert record["bare_peak_mib"] is None
    assert "squeezenet1_1 sigmoid single: bare_images_s" in capsys.readouterr().out
