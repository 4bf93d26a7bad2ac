"""The YAML files: every option composes, the heads differ under ``head`` alone, every file says what it is for."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from torchheads.config import check_config
from torchheads.config_errors import groups

CONFIGS = Path(__file__).parent.parent / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))


@pytest.fixture(autouse=True, scope="module")
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


def train(*overrides: str) -> DictConfig:
    return compose("train", list(overrides))


def names(path: Path) -> str:
    return str(path.relative_to(CONFIGS))


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_file_is_short_and_begins_with_the_command_that_uses_it(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines[:2] if line.startswith("# ") and not line.startswith("# @package")]
    assert len(lines) <= 30
    assert re.match(
        r"# (python train\.py|torchheads (evaluate|predict|calibrate|inspect|compare)) \S+=\S+", comments[0]
    )


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_option_composes_by_the_command_in_its_comment_and_passes_the_checks(path: Path) -> None:
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"# (python|torch)", line))
    command = shlex.split(line.partition("        ")[0].removeprefix("# "))
    name, overrides = ("train", command[2:]) if command[0] == "python" else (command[1], command[2:])
    if path.parent.name in groups() and not path.name.startswith("_"):  # what several options share is none itself
        chosen = next(word for word in overrides if word.startswith(f"{path.parent.name}="))
        assert re.search(rf"[=\[,]{path.stem}[\],]?", chosen)
    check_config(compose(name, overrides))


@pytest.mark.parametrize("path", sorted((CONFIGS / "experiment").glob("*.yaml")), ids=names)
def test_an_experiment_states_source_time_and_result(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in ("# Source: ", "# Expected time: ", "# Expected result: "):
        assert word in text


@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_commands_that_read_a_checkpoint(name: str) -> None:
    config = check_config(compose(name, ["checkpoint=a.ckpt"]))
    assert config["checkpoint"] == "a.ckpt"
    assert config.get("data") is None
    assert check_config(compose(name, ["checkpoint=a.ckpt", "data=digits"]))["data"]["seed"] == 0


@pytest.mark.parametrize("data", ["digits", "digit_canvases"])
def test_the_heads_differ_under_head_alone(data: str) -> None:
    softmax, sigmoid = (check_config(train(f"data={data}", f"head={head}")) for head in ("softmax", "sigmoid"))
    assert softmax.pop("head") != sigmoid.pop("head")
    assert softmax == sigmoid


def test_one_word_more_chooses_a_part_of_the_head() -> None:
    head = check_config(train("head=sigmoid", "loss=binary_cross_entropy", "decision=top_k", "decision.k=3"))["head"]
    assert head["_target_"] == "torchheads.SigmoidHead"
    assert head["criterion"]["_target_"] == "torchheads.losses.BinaryCrossEntropy"
    assert head["decision"] == {
        "_target_": "torchheads.decisions.TopK",
        "k": 3,
        "threshold": None,
        "space": "probability",
    }
    assert head["calibrator"] is None
    assert check_config(train("calibration=identity"))["head"]["calibrator"] is not None


def test_a_head_alone_leaves_its_parts_to_the_head() -> None:
    head = check_config(train("head=softmax"))["head"]
    assert [head[part] for part in ("criterion", "decision", "calibrator", "label_type")] == [None] * 4
    assert head["in_features"] == head["num_classes"] == "???"


def test_an_experiment_can_be_overridden_from_the_command_line() -> None:
    config = check_config(train("experiment=canvases_sigmoid", "head=softmax", "seed=3"))
    assert config["data"]["_target_"].endswith("DigitCanvases")
    assert config["data"]["seed"] == 3
    assert config["head"]["_target_"].endswith("SoftmaxHead")


def test_the_gpu_trainer_switches_compile_on_and_the_command_line_off() -> None:
    assert check_config(train("trainer=gpu"))["compile"] is True
    assert check_config(train("trainer=gpu", "compile=false"))["compile"] is False
    gpu, cpu = (check_config(train(f"trainer={name}"))["trainer"] for name in ("gpu", "cpu"))
    assert {key for key in cpu if gpu[key] != cpu[key]} == {"accelerator", "precision"}
    assert gpu["precision"] == "bf16-mixed"


@pytest.mark.parametrize("trainer", ["cpu", "gpu", "ddp", "fsdp", "smoke"])
def test_loaders_shard_by_themselves_under_every_trainer(trainer: str) -> None:
    assert train(f"trainer={trainer}").trainer.use_distributed_sampler is False


def test_callbacks_are_added_by_name() -> None:
    config = train("callbacks=[default,early_stopping,weight_averaging]")
    assert list(config.callbacks) == [
        "best_checkpoint",
        "start_summary",
        "progress",
        "early_stopping",
        "weight_averaging",
    ]


def test_a_part_of_the_head_may_be_moved_by_a_key() -> None:
    config = check_config(train("head=sigmoid", "loss=binary_cross_entropy", "loss.label_smoothing=0.1"))
    assert config["head"]["criterion"]["label_smoothing"] == 0.1
