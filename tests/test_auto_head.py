"""``head=auto``: the head that fits, the same run as with that head by name, and no second look afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_module

from torchheads.auto_head import asks_data, named_targets, resume_head, settle_head, with_targets
from torchheads.build_data import build_data
from torchheads.build_head import build_head
from torchheads.config import check_config
from torchheads.data import ClassificationData
from torchheads.errors import CheckpointMismatch, HeadConfigError
from torchheads.evaluate import evaluate
from torchheads.predict import predict
from torchheads.train import train

QUICK = ["trainer=smoke", "backbone=identity", "logger=none"]
SIZES = ["data.train_size=40", "data.val_size=30", "data.calibration_size=20", "data.test_size=50"]


@pytest.fixture(autouse=True, scope="module")
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


def settled(folder: Path, *overrides: str) -> dict:
    config = check_config(compose("train", ["head=auto", *overrides]))
    return settle_head(config, build_data(config["data"], config["backbone"]), folder, speaks=True)


def no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchheads.auto_head.advised_heads", lambda *_: pytest.fail("the data were looked at again"))


@pytest.mark.parametrize(
    ("overrides", "head"),
    [
        (["data=digits"], "softmax"),
        (["data=digit_canvases", *SIZES], "sigmoid"),
        (["data=digit_canvases", "data.digits=[1,1]", *SIZES], "softmax"),
    ],
)
def test_the_configuration_is_that_of_the_head_by_name(
    overrides: list[str], head: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["head.prior=data", "head.validate=false", "decision=threshold", *overrides]
    config = settled(tmp_path, *options)
    advice = config.pop("head_advice")
    assert config == check_config(compose("train", [f"head={head}", *options]))
    assert capsys.readouterr().out == f"head=auto takes {advice}\n"
    assert advice.startswith(f"{head}: ")
    saved = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert (saved["head"], saved["head_advice"]) == (config["head"], advice)


def test_the_option_has_the_keys_of_both_heads() -> None:
    auto, softmax, sigmoid = (compose("train", [f"head={name}"])["head"] for name in ("auto", "softmax", "sigmoid"))
    assert set(auto) - {"auto"} == set(softmax) - {"_target_"} == set(sigmoid) - {"_target_"}
    assert all(auto._get_node(key)._value() == softmax._get_node(key)._value() for key in softmax if key != "_target_")


def test_several_tasks(tmp_path: Path) -> None:
    config = settled(tmp_path, "data=canvas_tasks", "head.prior=data", *SIZES)
    assert config["head"]["_target_"] == "torchheads.MultiHead"
    heads = {task: (part["_target_"], part["prior"]) for task, part in config["head"]["heads"].items()}
    assert heads == {"top_left": ("torchheads.SoftmaxHead", "data"), "present": ("torchheads.SigmoidHead", "data")}
    assert config["head_advice"].startswith(
        "multi: softmax for top_left (every one of 40 training rows has exactly one"
    )
    facts = {
        "data": "canvas_tasks",
        "label_type": {"top_left": "single", "present": "multi"},
        "num_classes": {"top_left": 11, "present": 10},
        "class_names": {"top_left": None, "present": None},
    }
    head = build_head(config["head"], facts, 8, "Cnn")
    assert {name: type(part).__name__ for name, part in head.heads.items()} == {
        "top_left": "SoftmaxHead",
        "present": "SigmoidHead",
    }


def test_parts_by_task_stay_and_parts_of_all_are_refused(tmp_path: Path) -> None:
    named = ["data=canvas_tasks", "+loss@head.heads.present.criterion=binary_cross_entropy", *SIZES]
    config = settled(tmp_path, *named)
    assert config["head"]["heads"]["present"]["criterion"]["_target_"] == "torchheads.losses.BinaryCrossEntropy"
    assert config["head"]["heads"]["present"]["_target_"] == "torchheads.SigmoidHead"
    of_all = settled(tmp_path, "data=canvas_tasks", "decision=top_k", *SIZES)["head"]
    facts = {"data": "canvas_tasks", "label_type": {"top_left": "single", "present": "multi"}}
    with pytest.raises(HeadConfigError, match="TH-H25: decision names a part of one head"):
        build_head(of_all, facts, 8, "Cnn")
    of_none = with_targets({"auto": True, "heads": {"tags": {"prior": 0.1}}}, {"present": "torchheads.SigmoidHead"})
    with pytest.raises(HeadConfigError, match=r"TH-H26: head\.heads\.tags is of no task"):
        build_head(of_none, {"data": "canvas_tasks", "label_type": {"present": "multi"}}, 8, "Cnn")


def test_a_head_by_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_look(monkeypatch)
    config = check_config(compose("train", ["head=sigmoid", "resume=a.ckpt"]))
    assert settle_head(config, None, tmp_path, speaks=True) is config
    assert resume_head(config) is config
    assert not (tmp_path / "config.yaml").exists()


def test_other_processes_are_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = check_config(compose("train", ["head=auto"]))
    found = settle_head(config, build_data(config["data"], config["backbone"]), tmp_path, speaks=False)
    assert found["head"]["_target_"] == "torchheads.SoftmaxHead"
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "config.yaml").exists()


def test_only_true_is_allowed() -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H13: head\.auto=False; allowed true\. Try: head=softmax"):
        asks_data(check_config(compose("train", ["head=auto", "head.auto=false"])))


def test_without_train_it_is_an_error_that_names_the_heads() -> None:
    config = check_config(compose("train", ["head=auto"]))
    with pytest.raises(HeadConfigError, match=r"TH-H12: head has no _target_, which head=auto gets when train\.py"):
        build_head(config["head"], {"data": "digits", "label_type": "single"}, 8, "Cnn")


def test_a_run_is_bit_for_bit_that_of_the_head_by_name_and_needs_no_second_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["data=digit_canvases", *SIZES]
    runs = {}
    for head in ("auto", "sigmoid"):
        (tmp_path / head).mkdir()
        runs[head] = train(compose("train", [f"head={head}", *data, *QUICK]), tmp_path / head)
    assert runs["auto"]["head"] == "sigmoid"
    assert runs["auto"]["test"] == runs["sigmoid"]["test"]
    advice = runs["auto"]["head_advice"]
    assert advice.startswith("sigmoid: of 40 training rows")
    assert json.loads((tmp_path / "auto" / "results.json").read_text())["head_advice"] == advice
    assert "head_advice" not in runs["sigmoid"]

    no_look(monkeypatch)
    checkpoint = tmp_path / "auto" / "checkpoints" / "final.ckpt"
    saved = torch.load(checkpoint, weights_only=True)["hyper_parameters"]["config"]
    assert saved["head"]["_target_"] == "torchheads.SigmoidHead"
    record = evaluate(compose("evaluate", [f"checkpoint={checkpoint}", "trainer=smoke"]), tmp_path)
    assert record["test"] == runs["auto"]["test"]
    assert predict(compose("predict", [f"checkpoint={checkpoint}"]), tmp_path).is_file()


def test_a_run_goes_on_without_a_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    data = ["head=auto", "data=canvas_tasks", *SIZES, "data.train_size=400", *QUICK]
    first = train(compose("train", [*data, "head.prior=data"]), tmp_path / "first")
    no_look(monkeypatch)
    resume = f"resume={tmp_path}/first/checkpoints/last.ckpt"
    second = train(compose("train", [*data, "head.prior=data", resume, "trainer.max_epochs=2"]), tmp_path / "second")
    assert second["head_advice"] == first["head_advice"]
    assert second["head"] == "multi"
    with pytest.raises(
        CheckpointMismatch, match=r"TH-K07: .*other options: head\.heads\.present\.prior=None \(there data\)"
    ):
        train(compose("train", [*data, resume]), tmp_path)


def test_targets_of_several() -> None:
    heads = {"a": {"_target_": "torchheads.SoftmaxHead"}, "b": {"_target_": "torchheads.SigmoidHead", "prior": 0.1}}
    assert named_targets({"_target_": "torchheads.MultiHead", "heads": heads}) == {
        "a": "torchheads.SoftmaxHead",
        "b": "torchheads.SigmoidHead",
    }


def test_the_look_is_at_the_training_rows_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looked: list[str] = []
    split = ClassificationData.split
    monkeypatch.setattr(ClassificationData, "split", lambda self, name: looked.append(name) or split(self, name))
    settled(tmp_path, "data=digits")
    assert set(looked) == {"train"}
