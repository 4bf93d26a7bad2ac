"""Promises from the command line: fitted after training, saved, looked at on the test split, told in predictions."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchheads import MultiHead, SigmoidHead, SoftmaxHead
from torchheads.artifact import Rows
from torchheads.build import load_module
from torchheads.cli import main
from torchheads.decisions import Argmax, Selective
from torchheads.guarantees import Coverage, FalseNegativeRate
from torchheads.kept_promises import kept_promises
from torchheads.module import ClassificationModule

SIZES = ["data.train_size=400", "data.val_size=60", "data.calibration_size=120", "data.test_size=80"]
RUNS = {
    "single": ["data=digits", "head=softmax", "guarantee=coverage", "guarantee.level=0.8", "decision.max_error=0.3"],
    "multi": [
        "data=digit_canvases",
        *SIZES,
        "head=sigmoid",
        "guarantee=false_negative_rate",
        "decision.max_error=0.1",
    ],
}


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_keeps_its_promises_with_the_checkpoint(kind: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    main(["train", *RUNS[kind], "decision=selective", "trainer.max_epochs=1", f"hydra.run.dir={run}"])
    results = json.loads((run / "results.json").read_text())
    with np.load(run / "predictions.npz") as saved:
        logits, target, predictions = (torch.from_numpy(saved[key]) for key in ("logits", "target", "predictions"))
    checkpoint = run / "checkpoints" / "final.ckpt"
    head = load_module(checkpoint).head
    assert head.fitted

    sets, abstained = head.prediction_set(logits), head.abstained(logits)
    hot = torch.nn.functional.one_hot(target, 10).bool() if kind == "single" else target.bool()
    guarantee, selective = results["guarantee"], results["selective"]
    assert guarantee["promise"] == repr(head.guarantee)
    assert guarantee["coverage"] == pytest.approx((sets | ~hot).all(dim=1).double().mean().item())
    assert guarantee["mean_size"] == pytest.approx(sets.sum(dim=1).double().mean().item())
    assert len(guarantee["class_coverage"]) == 10
    assert selective["answered"] == pytest.approx(1 - abstained.double().mean().item())
    assert 0 < selective["answered"] < 1
    wrong = (predictions != target).double() if kind == "single" else (predictions != hot).double().mean(dim=1)
    assert selective["error_of_answers"] == pytest.approx(wrong[~abstained].mean().item())
    assert selective["error_of_answers"] < selective["error_without_abstention"]

    main(["evaluate", f"checkpoint={checkpoint}", f"hydra.run.dir={tmp_path / 'evaluate'}"])
    again = json.loads((tmp_path / "evaluate" / "results.json").read_text())
    assert (again["guarantee"], again["selective"]) == (guarantee, selective)

    main(["predict", f"checkpoint={checkpoint}", f"hydra.run.dir={tmp_path / 'predict'}"])
    rows = table(tmp_path / "predict" / "predictions.csv")
    names = head.class_names
    possible = [";".join(name for name, held in zip(names, row, strict=True) if held) for row in sets.tolist()]
    assert [row["possible"] for row in rows] == possible
    withheld = abstained.tolist()
    assert all(row["predicted"] == "" for row, no_answer in zip(rows, withheld, strict=True) if no_answer)
    if kind == "multi":
        assert [row["abstained"] == "1" for row in rows] == withheld
        assert list(rows[0])[:4] == ["index", "predicted", "abstained", "possible"]
    else:
        assert [row["predicted"] == "" for row in rows] == withheld
        assert list(rows[0])[:3] == ["index", "predicted", "possible"]


def after_a_test(heads: dict[str, Any], **rows: Any) -> ClassificationModule:
    """A module as a test run leaves it."""
    head = MultiHead(heads) if "" not in heads else heads[""]
    module = ClassificationModule(torch.nn.Identity(), head)
    module.collected = Rows(torch.arange(40), **rows)
    return module


def test_without_a_promise_nothing_is_said() -> None:
    logits = torch.randn(40, 3)
    module = after_a_test({"": SoftmaxHead(4, 3)}, logits=logits, target=torch.zeros(40).long())
    assert kept_promises(module) == {}
    module = after_a_test(
        {"": SoftmaxHead(4, 3, guarantee=Coverage(), decision=Selective())}, logits=logits, target=None
    )
    assert kept_promises(module) == {}  # nor by one that was not fitted


@pytest.mark.filterwarnings("ignore:TH-W0[67]")
def test_several_heads_speak_for_themselves() -> None:
    random = torch.Generator().manual_seed(0)
    logits = {"kind": torch.randn(40, 3, generator=random), "tags": torch.randn(40, 2, generator=random)}
    target = {"kind": logits["kind"].argmax(dim=1), "tags": (logits["tags"] > 0).long()}
    target["tags"][5] = -1
    target["tags"][:, 1] = 0
    heads = {
        "kind": SoftmaxHead(4, 3, guarantee=Coverage(0.5), decision=Selective(0.2)),
        "tags": SigmoidHead(4, 2, guarantee=FalseNegativeRate(0.3, per_label=True), ignore_index=-1),
        "plain": SoftmaxHead(4, 2),
    }
    logits["plain"], target["plain"] = torch.randn(40, 2), torch.zeros(40).long()
    for name in ("kind", "tags"):
        heads[name].fit_held_out(logits[name], target[name])
    found = kept_promises(after_a_test(heads, logits=logits, target=target))
    assert set(found) == {"guarantee", "selective"}
    assert set(found["guarantee"]) == {"kind", "tags"}
    assert set(found["selective"]) == {"kind"}
    assert found["guarantee"]["tags"]["always_included"] == ["1"]
    assert found["guarantee"]["kind"]["coverage"] == pytest.approx(21 / 40)
    assert found["selective"]["kind"] == {
        "answered": 1.0,
        "error_of_answers": 0.0,
        "error_without_abstention": 0.0,
        "aurc": 0.0,
    }


def test_a_row_that_the_rule_rejects_is_wrong_where_every_row_must_be_answered() -> None:
    logits = torch.tensor([[3.0, 0.0], [0.1, 0.0], [0.0, 3.0], [3.0, 0.0]])
    head = SoftmaxHead(4, 2, decision=Selective(0.5, rule=Argmax(reject_below=0.7)))
    target = torch.tensor([0, 0, 1, 1])  # the second row is rejected, and of class 0
    head.fit_held_out(logits, target)
    module = ClassificationModule(torch.nn.Identity(), head)
    module.collected = Rows(torch.arange(4), logits=logits, target=target)
    found = kept_promises(module)["selective"]
    assert found["error_without_abstention"] == 2 / 4
    assert (found["answered"], found["error_of_answers"]) == (3 / 4, pytest.approx(1 / 3))
