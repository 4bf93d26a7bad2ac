"""The promises over 200 random splits of a problem like real ones, by the script that looks at real ones."""

import importlib.util
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from torchheads.guarantees import Coverage, FalseNegativeRate, Guarantee, PrecisionControl
from torchheads.links import SOFTMAX

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmarks" / "coverage.py"
SPLITS = 200


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("coverage_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def single(n, c=6):
    """Classes of unequal size, and a model that is too sure of itself."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(n, c, generator=random) * 1.5 + torch.linspace(1, -1, c)
    return logits, (0.6 * logits).softmax(dim=1).multinomial(1, generator=random).squeeze(1)


def multi(n):
    """Labels from frequent to rare that depend on each other, and a model that underrates them."""
    random = torch.Generator().manual_seed(0)
    base = torch.tensor([0.5, 0.3, 0.2, 0.1, 0.05]).logit()
    scores = torch.randn(n, 5, generator=random) * 1.5 + torch.randn(n, 1, generator=random) + base
    return scores, torch.rand(n, 5, generator=random) < (1.3 * scores + 0.3).sigmoid()


@pytest.fixture(scope="module")
def classes(script):
    logits, target = single(700)
    sets = torch.nn.functional.one_hot(target, 6).bool()
    return script.Rows(SOFTMAX.scores(logits), sets, torch.ones_like(sets))


@pytest.fixture(scope="module")
def labels(script):
    scores, target = multi(1200)
    return script.Rows(scores, target, torch.ones_like(target))


@pytest.mark.parametrize("method", ["lac", "aps", "raps"])
def test_coverage_is_what_was_promised_and_spread_as_the_beta_binomial(script, classes, method):
    record = script.coverage_record(method, partial(Coverage, 0.9, method), classes, 300, SPLITS, 0.9)
    assert record["promised"] == 271 / 301
    assert record["kept"] == {"mean": True, "beta-binomial": True}
    assert record["standard_error"] < 0.002


class TenthOfTheSets(Guarantee):
    """Holds the right class with the promised chance, but of each row alone: no held-out sample makes it vary."""

    label_type, suggestion = "single", "none"

    def fit(self, scores, target, known=None):
        self.learn(torch.zeros(scores.shape[1]).double(), len(scores))

    def forward(self, scores):
        return (torch.rand(len(scores), 1) < 271 / 301).expand_as(scores)


def test_another_spread_is_seen(script, classes):
    torch.manual_seed(0)
    record = script.coverage_record("fixed", TenthOfTheSets, classes, 300, SPLITS, 0.9)
    assert record["kept"] == {"mean": True, "beta-binomial": False}


def test_too_little_coverage_is_seen(script, classes):
    record = script.coverage_record("lac", partial(Coverage, 0.89), classes, 300, SPLITS, 0.9)
    assert record["kept"]["mean"] is False


def test_each_class_is_covered_where_that_was_promised(script, classes):
    make = partial(Coverage, 0.8, per_class=True)
    _, missed = script.missed(make, classes, 300, 100)
    for column in missed.T:
        mean, error = script.mean_and_error(column)
        assert mean <= 0.2 + 3 * error
    worst = max(
        script.mean_and_error(column)[0] for column in script.missed(partial(Coverage, 0.8), classes, 300, 20)[1].T
    )
    assert worst > 0.3  # without that promise the rarest class is not


@pytest.mark.parametrize("per_label", [False, True])
def test_no_more_is_missed_than_was_promised(script, labels, per_label):
    make = partial(FalseNegativeRate, 0.2, per_label)
    record = script.miss_record("misses", make, labels, 400, SPLITS, 0.2, per_label)
    assert record["kept"] == {"mean": True}
    assert record["mean"] > 0.17  # nor much less, so that sets are no larger than they must be
    lax = script.miss_record("misses", partial(FalseNegativeRate, 0.23, per_label), labels, 400, 50, 0.2, per_label)
    assert lax["kept"] == {"mean": False}


@pytest.mark.parametrize("per_label", [False, True])
@pytest.mark.filterwarnings("ignore:TH-W07")
def test_precision_falls_short_as_rarely_as_was_promised(script, labels, per_label):
    make = partial(PrecisionControl, 0.75, 0.9, per_label)
    record = script.precision_record("precision", make, labels, 400, SPLITS, 0.75, 0.9, per_label)
    assert record["kept"] == {"share": True}
    if per_label:  # where the bound is exact, it is used up in part
        assert record["share_over_the_level"] > 0.01


def test_a_cut_fitted_without_care_falls_short_half_the_time(script, labels):
    class Plain(PrecisionControl):
        def fit(self, scores, target, known=None):
            ranked, order = scores.sort(dim=0, descending=True)
            right = target.gather(0, order).cumsum(0) / torch.arange(1, len(scores) + 1).unsqueeze(1)
            last = (right >= 0.75).long().cumsum(0).argmax(dim=0)
            self.learn(ranked[last, torch.arange(5)].double(), len(scores))

    record = script.precision_record("plain", partial(Plain, 0.75, 0.9, True), labels, 400, 50, 0.75, 0.9, True)
    assert record["share_over_the_level"] > 0.4
    assert record["kept"] == {"share": False}


@pytest.mark.filterwarnings("ignore:TH-W0[67]")
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_it_reads_what_a_run_leaves(script, kind, tmp_path, monkeypatch, capsys):
    logits, target = {"single": single, "multi": multi}[kind](200)
    np.savez(tmp_path / "predictions.npz", logits=logits.numpy(), target=target.numpy())
    out = tmp_path / "out.json"
    words = [
        "coverage.py",
        str(tmp_path / "predictions.npz"),
        "--link",
        "softmax",
        "--splits",
        "12",
        "--output",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == {"single": 3, "multi": 4}[kind]
    assert out.read_text().count('"guarantee"') == len(lines)
    assert all(math.isfinite(float(word)) for line in lines for word in line.split() if word.replace(".", "").isdigit())
