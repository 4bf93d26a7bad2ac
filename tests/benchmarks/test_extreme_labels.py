"""The example of many labels, small: its data, its optimizer, and that the head beats the most frequent labels."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "scripts" / "extreme_labels.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("extreme_labels", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_examples_hold_the_words_of_their_labels(script):
    generator = torch.Generator().manual_seed(0)
    prototypes = torch.arange(50 * script.PROTOTYPE).view(50, -1)
    words, target = script.drawn(400, 50, prototypes, 10_000, generator)
    assert words.shape == (400, script.SLOTS * script.PROTOTYPE + script.NOISE)
    assert target.sizes.min() >= 1
    assert target.sizes.max() <= script.SLOTS
    named = [
        len(set(row) & set(prototypes[labels].flatten().tolist()))
        for row, labels in zip(words.tolist(), target.tolist(), strict=True)
    ]
    share = sum(named) / (len(target.indices) * script.PROTOTYPE)
    assert share == pytest.approx(script.KEPT, abs=0.05)
    counts = script.counts_of(target)
    assert counts[:10].sum() > 2 * counts[40:].sum()


def test_one_number_a_row(script):
    # rows with mean squares 2 then 2 + 8: steps 2 / sqrt 2 and 4 / sqrt 10 in the first entry
    weight = torch.zeros(2, 2, requires_grad=True)
    optimizer = script.RowAdagrad([weight], lr=1.0)
    for scale in (1.0, 2.0):
        weight.grad = scale * torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        optimizer.step()
    expected = -(2 / 2**0.5 + 4 / 10**0.5)
    torch.testing.assert_close(weight.detach(), torch.tensor([[expected, 0.0], [0.0, 0.0]]))
    assert optimizer.state[weight]["sum"].shape == (2, 1)


def test_it_learns(script, tmp_path, monkeypatch):
    sizes = {"labels": 300, "vocabulary": 2000, "examples": 3000, "test": 300, "width": 16, "batch": 64}
    options = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options, "--output", str(tmp_path / "out.json")])
    script.main()
    found = json.loads((tmp_path / "out.json").read_text())
    head, frequent = found["sigmoid head"], found["most frequent labels"]
    for name in ("precision_at_1", "propensity_precision_at_1"):
        assert head[name] > 2 * frequent[name]
