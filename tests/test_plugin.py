"""Foreign Hydra apps: they get head, loss, decision and calibration, not our other groups, and no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

APP = """
import sys
import hydra
from omegaconf import OmegaConf

@hydra.main(config_path="conf", config_name="app", version_base="1.3")
def main(config):
    print(OmegaConf.to_yaml(config, resolve=True))
    print("heavy:", sorted({"torch", "lightning", "torchheads", "numpy"} & set(sys.modules)))

main()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def run(app: Path, config: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (app / "conf" / "app.yaml").write_text(config)
    command = [
        sys.executable,
        "app.py",
        "hydra.run.dir=.",
        "hydra.output_subdir=null",
        "hydra/job_logging=none",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=app)


def test_a_foreign_app_can_name_a_head_and_imports_no_torch(app: Path) -> None:
    done = run(app, "defaults:\n  - head: sigmoid\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("head:\n  _target_: torchheads.SigmoidHead\n")
    assert done.stdout.endswith("heavy: []\n")


def test_a_foreign_app_can_mount_a_head_and_its_parts_where_it_likes(app: Path) -> None:
    config = "defaults:\n  - head@model.head: sigmoid\n  - decision@model.head.decision: top_k\n"
    done = run(app, config, "model.head.decision.k=3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("model:\n  head:\n    _target_: torchheads.SigmoidHead\n")
    assert "    decision:\n      _target_: torchheads.decisions.TopK\n      k: 3\n" in done.stdout


def test_a_foreign_app_can_put_a_loss_into_a_head(app: Path) -> None:
    done = run(app, "defaults:\n  - head: softmax\n  - loss@head.criterion: cross_entropy\n  - _self_\n")
    assert done.returncode == 0, done.stderr
    assert "  criterion:\n    _target_: torchheads.losses.CrossEntropy\n" in done.stdout


def test_a_foreign_apps_own_loss_group_does_not_collide(app: Path) -> None:
    (app / "conf" / "loss").mkdir()
    (app / "conf" / "loss" / "cross_entropy.yaml").write_text("mine: true\n")
    done = run(app, "defaults:\n  - head: softmax\n  - loss: cross_entropy\n")
    assert done.returncode == 0, done.stderr
    assert "loss:\n  mine: true\n" in done.stdout


@pytest.mark.parametrize(
    "group", ["trainer=gpu", "data=digits", "optimizer=adamw", "experiment=digits_softmax", "head=auto"]
)
def test_our_other_groups_and_what_needs_our_data_stay_unknown(app: Path, group: str) -> None:
    name, _, option = group.partition("=")
    done = run(app, f"defaults:\n  - {name}: {option}\n")
    assert done.returncode == 1
    assert f"Could not find '{name}/{option}'" in done.stderr
