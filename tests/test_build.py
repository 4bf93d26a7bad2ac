"""From a configuration to a module and back from its checkpoint; what does not fit is said in one line."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module
from lightning.pytorch.profilers import SimpleProfiler
from lightning.pytorch.strategies import ModelParallelStrategy

from torchheads.build import (
    build_module,
    build_trainer,
    check_resumable,
    first_line,
    load_module,
    load_to_answer,
)
from torchheads.build_data import data_facts
from torchheads.config import check_config, instantiate
from torchheads.errors import CheckpointMismatch, FitError, HeadConfigError


@pytest.fixture(autouse=True, scope="module")
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


def train(*overrides: str) -> dict[str, Any]:
    return check_config(compose("train", ["backbone=identity", *overrides]))


def module_of(*overrides: str) -> Any:
    config = train(*overrides)
    return build_module(config, data_facts(instantiate(config["data"])))


def checkpoint(path: Path, *overrides: str, change: Callable[[dict[str, Any]], Any] = lambda state: None) -> Path:
    """The checkpoint of an untrained module, as Lightning lays it out, after ``change``."""
    module = module_of(*overrides)
    state: dict[str, Any] = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    state |= {"optimizer_states": [], "loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 0}}}}}
    change(state)
    torch.save(state, path)
    return path


CANVASES = ["data=digit_canvases", "head=sigmoid"]


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    module = load_module(checkpoint(tmp_path / "a.ckpt", *CANVASES))
    assert not module.training
    assert type(module.head).__name__ == "SigmoidHead"
    assert module.head.decision.cut.tolist() == [0.0] * 10


def test_a_named_decision_wins_over_the_saved_one(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", *CANVASES, "decision=threshold", "decision.value=0.6")
    for value, expected in ((0.75, torch.tensor(3.0).log()), (None, torch.tensor(0.0))):  # no value is 0.5
        part = {"_target_": "torchheads.decisions.Threshold", "value": value}
        cut = load_module(path, {"decision": part, "calibrator": None}).head.decision.cut
        assert cut.tolist() == pytest.approx([expected.item()] * 10)
    rule = load_module(path, {"decision": {"_target_": "torchheads.decisions.TopK", "k": 3}}).head.decision
    assert rule.k == 3


def drop_bias(state: dict[str, Any]) -> None:
    del state["state_dict"]["head.classifier.bias"]


def drop_head(state: dict[str, Any]) -> None:
    state["hyper_parameters"]["config"] = {"backbone": state["hyper_parameters"]["config"]["backbone"]}


def other_size(state: dict[str, Any]) -> None:
    state["state_dict"]["head.classifier.bias"] = torch.zeros(3)


def no_facts(state: dict[str, Any]) -> None:
    state["hyper_parameters"]["facts"] = {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop_bias, r'Missing key\(s\) in state_dict: "head.classifier.bias"'),
        (other_size, "size mismatch for head.classifier.bias"),
        (drop_head, "head"),
        (no_facts, "input_shape"),
    ],
)
def test_a_checkpoint_that_is_not_whole(change: Any, reason: str, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", change=change)
    with pytest.raises(CheckpointMismatch, match=rf"TH-K03: .*a\.ckpt .*do not fit: .*{reason}") as caught:
        load_module(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("head.label_type=multi", "head.label_type=multi, but label_type of digits is single"),
        ("head.num_classes=3", "head.num_classes=3, but num_classes of digits is 10"),
        ("head.in_features=3", "head.in_features=3, but in_features of .*IdentityBackbone is 64"),
    ],
)
def test_a_head_that_contradicts_its_data(override: str, problem: str) -> None:
    with pytest.raises(HeadConfigError, match=f"TH-H26: {problem}. Try: the same without head") as caught:
        module_of(override)
    assert override.partition("=")[0] in caught.value.remedy
    assert module_of("head.num_classes=10", "head.label_type=single").head.num_classes == 10


@pytest.mark.parametrize(
    "override",
    [
        "trainer.strategy=dpp",
        pytest.param("trainer=gpu", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")),
    ],
)
def test_a_trainer_that_lightning_refuses(override: str, tmp_path: Path) -> None:
    with pytest.raises(
        HeadConfigError, match=r"TH-H25: Lightning refuses the trainer \(.*trainer\.acc.*Try: trainer=c"
    ):
        build_trainer(train(override), tmp_path)


def test_the_trainer_that_shares_weights_writes_one_file(tmp_path: Path) -> None:
    trainer = build_trainer(train("trainer=fsdp", "trainer.accelerator=cpu"), tmp_path)
    assert isinstance(trainer.strategy, ModelParallelStrategy)
    assert not trainer.strategy._save_distributed_checkpoint
    assert trainer.world_size == 2


def test_the_trainer_as_it_is(tmp_path: Path) -> None:
    assert build_trainer(train(), tmp_path).max_epochs == 20


def test_a_run_that_is_not_profiled_opens_no_context_for_it(tmp_path: Path) -> None:
    profiler = build_trainer(train(), tmp_path).profiler
    with profiler.profile("a") as outer, profiler.profile("b") as inner:  # one in the other
        assert (outer, inner) == (None, None)
    assert profiler.profile("a") is profiler.profile("b")
    own = build_trainer(train("+trainer.profiler=simple"), tmp_path).profiler
    assert type(own) is SimpleProfiler


def test_a_run_goes_on_with_its_own_options_only(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", "seed=3")
    check_resumable(path, train("seed=3", "trainer.max_epochs=50"))
    with pytest.raises(CheckpointMismatch, match=r"TH-K07: .*a\.ckpt is of a run with other options") as caught:
        check_resumable(path, train("seed=4", "optimizer.lr=0.25"))
    for part in ("data.seed=4 (there 3)", "optimizer.lr=0.25 (there 0.005)", "seed=4 (there 3)"):
        assert part in caught.value.problem


def test_a_run_has_no_fewer_epochs_than_are_behind_it(tmp_path: Path) -> None:
    def trained(state: Any) -> None:
        state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] = 30

    path = checkpoint(tmp_path / "a.ckpt", change=trained)
    for epochs in (30, 31, -1):
        check_resumable(path, train(f"trainer.max_epochs={epochs}"))
    problem = r"a\.ckpt is of a run with 30 epochs behind it, and trainer\.max_epochs=29\. Try: trainer\.max_epochs=60"
    with pytest.raises(CheckpointMismatch, match=f"TH-K07: .*{problem}"):
        check_resumable(path, train("trainer.max_epochs=29"))


def test_optimizer_states_of_whole_weights_are_not_taken_for_those_of_shared_ones(tmp_path: Path) -> None:
    whole, shared = checkpoint(tmp_path / "a.ckpt"), checkpoint(tmp_path / "b.ckpt", "trainer=fsdp")
    with pytest.raises(CheckpointMismatch, match=r"TH-K07: .*a\.ckpt holds optimizer states .*Try: trainer=ddp"):
        check_resumable(whole, train("trainer=fsdp"))
    for trainer in ("fsdp", "ddp", "cpu"):
        check_resumable(shared, train(f"trainer={trainer}"))
    check_resumable(whole, train("trainer=ddp"))


def test_a_final_checkpoint_is_not_one_to_go_on_from(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "final.ckpt", change=lambda state: state.pop("optimizer_states"))
    with pytest.raises(CheckpointMismatch, match=r"TH-K03: .*weights alone.*Try: .*/checkpoints/last\.ckpt"):
        check_resumable(path, train())


def test_the_first_line_of_an_error() -> None:
    assert first_line(ValueError("One. Two.\nThree")) == "One"
    assert first_line(RuntimeError("Errors:\n\tMissing: a\n\tb")) == "Errors: Missing: a"
    assert first_line(KeyError()) == "KeyError"


def test_nothing_is_logged_into_a_folder_that_nobody_can_act_on(tmp_path: Path) -> None:
    build_trainer(train(), tmp_path)
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.distributed"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING


def fit(state: dict[str, Any]) -> None:
    """Fit the parts of a checkpoint on rows that they can learn from."""
    module = build_module(**state["hyper_parameters"])
    logits = 2 * torch.randn(200, 10, generator=torch.Generator().manual_seed(0))
    target = torch.rand(200, 10, generator=torch.Generator().manual_seed(1)) < (logits / 2).sigmoid()
    module.head.fit_held_out(logits, target)
    state["state_dict"] = module.state_dict()


FITTED = [*CANVASES, "decision=fitted_threshold", "calibration=temperature", "guarantee=false_negative_rate"]


def to_answer(path: Path, *overrides: str) -> Any:
    return load_to_answer(compose("evaluate", [f"checkpoint={path}", *overrides])).head


def test_a_decision_with_nothing_to_learn_is_as_it_was_named(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", *FITTED, change=fit)
    assert to_answer(path).decision.cut.any()
    assert to_answer(path, "decision=threshold").decision.cut.tolist() == [0.0] * 10
    assert torch.equal(to_answer(path, "decision=fitted_threshold").decision.cut, to_answer(path).decision.cut)
    with pytest.raises(
        FitError, match=r"TH-F01: .*a\.ckpt holds no FittedThreshold .*Try: torchheads calibrate checkp"
    ):
        to_answer(path, "decision=precision_at_recall")


def test_under_another_calibrator_nothing_is_fitted(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", *FITTED, change=fit)
    same = to_answer(path, "calibration=temperature")
    assert same.fitted
    with pytest.raises(
        FitError, match=r"TH-F01: .*Try: torchheads calibrate checkpoint=.*calibration=\.\.\., or decis"
    ):
        to_answer(path, "calibration=identity")
    other = to_answer(path, "calibration=identity", "decision=threshold", "decision.value=0.75")
    assert other.predict(torch.zeros(1, 10)).sum() == 0
    with pytest.raises(FitError, match=r"TH-F01: FalseNegativeRate was not fitted yet.*torchheads calibrate"):
        other.prediction_set(torch.zeros(1, 10))


def test_states_from_before_there_were_kinds_are_read(tmp_path: Path) -> None:
    def before(state: dict[str, Any]) -> None:
        fit(state)
        state["state_dict"] = {key: value for key, value in state["state_dict"].items() if not key.endswith(".kind")}

    path = checkpoint(tmp_path / "a.ckpt", *FITTED, change=before)
    assert to_answer(path, "calibration=temperature").fitted
