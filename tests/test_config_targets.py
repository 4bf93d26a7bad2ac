"""Hostile configurations: none of them runs anything; a user's own class runs when the user says so."""

import os
import subprocess
import sys
from pathlib import Path

import hydra.utils
import pytest
from omegaconf import OmegaConf

from torchheads.allowed_targets import HYDRA_VALUES, OUTSIDE_TARGETS, check_targets, is_allowed
from torchheads.config import check_command, instantiate
from torchheads.errors import HeadConfigError, UnsafeArtifact

SHORT = {
    "SHELL": "{_target_: os.system, command: touch CANARY}",
    "PATH": "{_target_: pathlib.Path, _args_: [CANARY]}",
    "RULE": "_target_: torchheads.decisions.TopK",
}
# Each would leave the file CANARY behind, or read it, if it ran.
PAYLOADS = {
    "os.system": "SHELL",
    "subprocess": "{_target_: subprocess.run, args: [touch, CANARY]}",
    "eval": '{_target_: builtins.eval, _args_: [\'open("CANARY", "w")\']}',
    "exec": '{_target_: builtins.exec, _args_: [\'open("CANARY", "w")\']}',
    "open": "{_target_: builtins.open, file: CANARY, mode: w}",
    "write_text": "{_target_: pathlib.Path.write_text, _args_: [PATH, x]}",
    "copy": "{_target_: shutil.copy, src: /etc/hostname, dst: CANARY}",
    "rmtree": "{_target_: shutil.rmtree, path: CANARY}",
    "torch.load": "{_target_: torch.load, f: CANARY, weights_only: false}",
    "torch.hub.load": "{_target_: torch.hub.load, repo_or_dir: CANARY, model: m, source: local}",
    "load_inline": "{_target_: torch.utils.cpp_extension.load_inline, name: CANARY, cpp_sources: ''}",
    "code cache": '{_target_: torch._inductor.codecache.PyCodeCache.load, source_code: \'open("CANARY", "w")\'}',
    "sympify": '{_target_: sympy.sympify, a: \'__import__("os").system("touch CANARY")\'}',
    "numpy.load": "{_target_: numpy.load, file: CANARY, allow_pickle: true}",
    "attribute walk": "{_target_: logging.os.system, command: touch CANARY}",
    "importlib": "{_target_: importlib.import_module, name: CANARY}",
    "pipepager": "{_target_: pydoc.pipepager, text: x, cmd: touch CANARY}",
    "in a list": "{RULE, k: [1, [SHELL]]}",
    "in an allowed one": "{_target_: torchheads.SigmoidHead, decision: {k: SHELL}}",
    "as an argument": "{RULE, _args_: [SHELL]}",
    "partial": "{_target_: os.system, _partial_: true, command: touch CANARY}",
    "not recursive": "{RULE, _recursive_: false, k: SHELL}",
    "interpolated": "{_target_: '${.a}.${.b}', command: touch CANARY, a: os, b: system}",
    "created": "{RULE, k: '${oc.create:SHELL}'}",
    "escaped": "{RULE, k: '\\${oc.create:SHELL}'}",
    "our package": "{_target_: torchheads.os.system, command: touch CANARY}",
    "our room": "{_target_: torchheads.data.os.system, command: touch CANARY}",
    "our file": "{_target_: torchheads.allowed_targets.os.system, command: touch CANARY}",
    "method of ours": "{_target_: torchheads.losses.CrossEntropy.load_state_dict, CANARY: 1}",
    "dunder of ours": "{_target_: torchheads.losses.__loader__, CANARY: 1}",
    "a module of ours": "{_target_: torchheads.losses.base, CANARY: 1}",
    "checkpoint": "{_target_: torchheads.module.ClassificationModule.load_from_checkpoint, checkpoint_path: CANARY}",
    "foreign checkpoint": "{_target_: lightning.pytorch.LightningModule.load_from_checkpoint, checkpoint_path: CANARY}",
    "beyond the trainer": "{_target_: lightning.pytorch.Trainer.fit, CANARY: 1}",
    "a list as name": "{_target_: [os.system], command: touch CANARY}",
    "a dict as name": "{_target_: SHELL}",
    "with a space": "{_target_: ' os.system', command: touch CANARY}",
}

# What Hydra would build or open from its own section before a job starts.
HYDRA_PAYLOADS = {
    "callback": "callbacks: {x: {_target_: pathlib.Path.write_text, _args_: [PATH, x]}}",
    "launcher": "launcher: {_target_: os.system}",
    "logging factory": "job_logging: {handlers: {x: {'()': subprocess.getoutput, cmd: touch CANARY}}}",
    "logging class": "job_logging: {handlers: {x: {class: subprocess.Popen, args: [touch, CANARY]}}}",
    "logging formatter": "hydra_logging: {formatters: {x: {'()': subprocess.getoutput, cmd: touch CANARY}}}",
    "logging file": "job_logging: {handlers: {file: {filename: CANARY, mode: w, delay: false}}}",
    "logging import": "hydra_logging: {handlers: {console: {level: ext://antigravity}}}",
    "environment": "job: {env_set: {TORCHHEADS_ALLOW_TARGETS: os.system}}",
}


def text(payload: str, canary: Path) -> str:
    for word, meaning in SHORT.items():
        payload = payload.replace(word, meaning)
    return payload.replace("CANARY", str(canary))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_nothing_of_a_hostile_config_runs(payload: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    config = OmegaConf.create({"deep": [{"part": OmegaConf.create(text(payload, canary))}]})
    with pytest.raises(UnsafeArtifact, match="TH-S01"):
        check_targets(config)
    with pytest.raises(UnsafeArtifact, match="TH-S01"):
        instantiate(config.deep[0].part)
    assert not canary.exists()


def test_the_canary_sings_when_hydra_alone_builds_it(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hydra.utils.instantiate(OmegaConf.create(text(PAYLOADS["write_text"], canary)))
    assert canary.exists()


@pytest.mark.parametrize("payload", HYDRA_PAYLOADS.values(), ids=HYDRA_PAYLOADS)
def test_nothing_of_a_hostile_hydra_section_runs(payload: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "experiment").mkdir()
    hostile = f"# @package _global_\nhydra:\n  {text(payload, canary)}\n"
    (tmp_path / "experiment" / "hostile.yaml").write_text(hostile, encoding="utf-8")
    with pytest.raises(UnsafeArtifact, match=r"TH-S01: hydra\."):
        check_command("train", ["--config-dir", str(tmp_path), "experiment=hostile"])
    assert not canary.exists()


def test_a_hostile_experiment_ends_the_command_before_hydra_builds_anything(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "experiment").mkdir()
    hostile = f"# @package _global_\nhydra:\n  {text(HYDRA_PAYLOADS['callback'], canary)}\n"
    (tmp_path / "experiment" / "hostile.yaml").write_text(hostile, encoding="utf-8")
    code = "from torchheads.config import run_app; run_app('train', lambda config, folder: print('ran'))"
    command = [sys.executable, "-c", code, "--config-dir", str(tmp_path), "experiment=hostile"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "TH-S01: hydra.callbacks.x._target_='pathlib.Path.write_text'" in done.stderr
    assert not canary.exists()
    assert not (tmp_path / "outputs").exists()


def test_the_list_holds_exact_names() -> None:
    assert all(is_allowed(name) for name in OUTSIDE_TARGETS)
    assert not any(is_allowed(name + ".x") for name in OUTSIDE_TARGETS)
    assert is_allowed("torchheads.SoftmaxHead")
    assert is_allowed("torchheads.heads.SoftmaxHead")
    for name in (
        "torchheads",
        "SoftmaxHead",
        "torchheads.heads",
        "torchheads..SoftmaxHead",
        "torchheads.errors.DataError",
        "",
    ):
        assert not is_allowed(name)
    assert not HYDRA_VALUES["()"]
    assert {"lightning.pytorch.Trainer", "lightning.pytorch.strategies.ModelParallelStrategy"} == OUTSIDE_TARGETS
    assert not is_allowed("lightning.pytorch.strategies.FSDPStrategy")


def test_the_error_names_the_key_the_target_and_the_way_to_allow_it() -> None:
    with pytest.raises(UnsafeArtifact) as caught:
        check_targets({"head": {"parts": [{"_target_": "mine.Head"}]}})
    assert "head.parts[0]._target_='mine.Head'" in caught.value.problem
    assert caught.value.remedy.startswith("TORCHHEADS_ALLOW_TARGETS=mine.Head")


def test_a_users_own_class_is_allowed_by_the_environment_only(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Head:\n    def __init__(self, width):\n        print('width', width)\n")
    code = "from torchheads.config import instantiate; instantiate({'_target_': 'mine.Head', 'width': 3})"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert refused.returncode == 1
    assert "TH-S01" in refused.stderr
    environment["TORCHHEADS_ALLOW_TARGETS"] = "other.Loss, mine.Head"
    allowed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert allowed.stdout == "width 3\n"


def test_instantiate_fills_what_is_missing_and_lets_the_user_win() -> None:
    part = {"_target_": "torchheads.decisions.TopK", "k": "???", "threshold": None}
    assert instantiate(part, k=2, threshold=0.25).threshold == 0.25
    assert instantiate({**part, "k": 3}, k=2).k == 3
    with pytest.raises(HeadConfigError, match=r"TH-H12: torchheads.decisions.TopK got no value for k. Try: k=\.\.\."):
        instantiate(part)
    assert instantiate(None) is None


def test_instantiate_hands_values_on_untouched_and_keeps_our_errors() -> None:
    marker = object()
    bound = instantiate({"_target_": "torchheads.decisions.TopK", "_partial_": True, "k": 2}, space=marker)
    assert bound.keywords["space"] is marker
    nested = {"_target_": "torchheads.SigmoidHead", "decision": {"_target_": "torchheads.decisions.TopK", "k": 0}}
    with pytest.raises(HeadConfigError, match="TH-H03: TopK"):
        instantiate(nested, in_features=4, num_classes=3)
