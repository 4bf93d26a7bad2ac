"""The command line: what is wrong is said in one line, in a fraction of a second, before torch is imported."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from torchheads.config import check_command
from torchheads.config_errors import nearest
from torchheads.errors import CheckpointError, HeadConfigError, TorchHeadsError, UnsafeArtifact
from torchheads.run_folder import claim_folder, masked, save_config

TASK = """
import sys
from torchheads.config import run_app
from torchheads.errors import DataError

def task(config, folder):
    print("ran", config.get("seed"), folder)
    if config.get("seed") == 7:
        raise DataError("D01", "no such rows", "another seed")

run_app(sys.argv[1], task, sys.argv[2:])
"""


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command whose task only prints, in a process of its own."""
    command = [sys.executable, "-c", TASK, *arguments]
    variables = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, env=variables)


WRONG = {
    "head=sofmax": ("H04", "'sofmax' is no option of 'head'; allowed: ", "head=softmax"),
    "head=": ("H04", "'' is no option of 'head'", "head="),
    "data=digit_canvas": ("H04", "'digit_canvas'", "data=digit_canvases"),
    "'callbacks=[default,earlystopping]'": ("H04", "'earlystopping'", "callbacks=[default,early_stopping]"),
    "hed=softmax": ("H05", "no key 'hed' at the top", "head=softmax"),
    "trianer.max_epochs=1": ("H05", "no key 'trianer' at the top", "trainer.max_epochs=1"),
    "trainer.max_epoch=1": ("H05", "no key 'max_epoch' under 'trainer'", "trainer.max_epochs=1"),
    "head.num_clases=3": ("H05", "no key 'num_clases' under 'head'", "head.num_classes=3"),
    "augment=shift augment.shft=2": ("H05", "no key 'shft' under 'augment'", "augment.shift=2"),
    "hydra.run.dirr=a": ("H05", "no key 'dirr' under 'hydra.run'", "hydra.run.dir=a"),
    "decision.k=3": ("H05", "decision is null, so there is no decision.k", "decision=top_k decision.k=3"),
    "loss.pos_weight=2": ("H05", "loss is null", "loss=binary_cross_entropy loss.pos_weight=2"),
    "loss.class_weight=[1]": ("H05", "loss is null", "loss=cross_entropy loss.class_weight=[1]"),
    "head=sigmoid loss.class_weight=[1]": ("H05", "loss is null", "loss=binary_cross_entropy loss.class_weight=[1]"),
    "loss.x=1": ("H05", "loss is null, so there is no loss.x", "loss=cross_entropy loss.x=1"),
    "data.digits=[1,1]": ("H05", "no key 'digits' under 'data'", "data=digit_canvases data.digits=[1,1]"),
    "callbacks.early_stopping.patience=3": (
        "H05",
        "no key 'early_stopping' under 'callbacks'",
        "'callbacks=[default,early_stopping]' callbacks.early_stopping.patience=3",
    ),
    "optimizer.zzz=1": (
        "H05",
        "no key 'zzz' under 'optimizer'; there are: betas, head_lr_factor, layer_decay, lr, weight_decay",
        "--help",
    ),
    "head=softmax,sigmoid": ("H05", "Ambiguous value", "--multirun"),
    "+trainer.devices=2": ("H05", "Could not append", "trainer.devices=2"),
    "head=[": ("H05", "head=[: no viable alternative", "--help"),
    "head=sigmoid mix=null": ("H05", "mix is a group, which null is no option of", "~mix, for none of them"),
    "head=null": ("H05", "must be a string or a list", "--help"),
    "seed=${nowhere}": ("H05", "'nowhere' not found", "--help"),
    "head=sigmoid loss=cross_entropy": (
        "H24",
        "loss=cross_entropy is a loss of head=softmax, and the head is sigmoid",
        "loss=binary_cross_entropy, or head=softmax",
    ),
    "head=softmax loss=binary_cross_entropy": ("H24", "loss of head=sigmoid", "loss=cross_entropy, or head=sigmoid"),
    "seed=${oc.env:HOME}": ("S02", "environment variable HOME", "TORCHHEADS_HOME=$HOME"),
    "-m head=softmax,sofmax": ("H04", "'sofmax' is no option of 'head'", "head=softmax"),
    "-m head=softmax,sigmiod": ("H04", "'sigmiod' is no option of 'head'", "head=softmax,sigmoid"),
    "-m head=softmax,sigmoid loss=cross_entropy": ("H24", "the head is sigmoid", "loss=binary_cross_entropy"),
    "-m trainer.devices=2 seed=0,1": ("H15", "trainer.devices=2 in a sweep", "trainer.devices=1"),
    "--experimental-rerun a.pickle": ("S01", "reads a pickle", "the overrides of that run"),
}


@pytest.mark.parametrize("typed", WRONG)
def test_what_is_wrong_is_named_with_what_to_type(typed: str) -> None:
    code, problem, remedy = WRONG[typed]
    with pytest.raises(TorchHeadsError) as caught:
        check_command("train", [word.strip("'") for word in typed.split()])
    assert caught.value.code == code
    assert problem in caught.value.problem
    assert caught.value.remedy.startswith(remedy)
    assert "softmax,softmax" not in caught.value.remedy
    assert isinstance(caught.value, UnsafeArtifact if code.startswith("S") else HeadConfigError)


@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_a_missing_value_is_named_with_the_override_that_sets_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(HeadConfigError, match=r"TH-H12: no value for checkpoint. Try: checkpoint=\.\.\."):
        check_command(name, [])
    (tmp_path / "a.ckpt").touch()
    check_command(name, [f"checkpoint={tmp_path}/a.ckpt"])


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "head=sigmoid data=digit_canvases backbone=mlp seed=3 trainer.max_epochs=1 hydra.run.dir=outputs/mine",
        "-m head=softmax,sigmoid seed=0,1",
        "-m seed=range(2)",
        "trainer=ddp trainer.devices=4",
        "logger.jsonl.folder=${hydra:runtime.output_dir}",
        "seed=${oc.env:TORCHHEADS_SEED,4}",
        "--cfg job head=sigmoid",
        "--help",
    ],
)
def test_right_commands_pass(typed: str) -> None:
    check_command("train", typed.split())


@pytest.mark.parametrize("typed", ["head=sofmax", "head=sigmoid loss=cross_entropy", "head.num_clases=3"])
def test_a_config_error_is_one_line_and_quick_and_comes_before_torch(typed: str, tmp_path: Path) -> None:
    code = f"""
import sys
from torchheads.config import run_app
try:
    run_app("train", "torchheads.train:train", {typed.split()!r})
except SystemExit as end:
    heavy = sorted({{"torch", "lightning", "torchmetrics", "torchvision", "sklearn", "numpy"}} & set(sys.modules))
    print(end.code, heavy)
"""
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    after = os.times()
    assert done.stdout == "2 []\n"
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("TH-H")
    # Processor time: nothing here waits, and wall time would measure what else this machine is doing.
    assert after.children_user + after.children_system - before.children_user - before.children_system <= 2
    assert not list(tmp_path.iterdir())


def test_a_run_gets_a_folder_with_its_resolved_config(tmp_path: Path) -> None:
    done = start(tmp_path, "train", "seed=3", "head=sigmoid")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "digits-sigmoid").iterdir()
    assert done.stdout == f"ran 3 {folder}\n"
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]
    saved = OmegaConf.load(folder / "config.yaml")
    assert saved.data.seed == 3
    assert "${" not in (folder / "config.yaml").read_text()
    assert "hydra" not in saved


def test_a_sweep_runs_every_combination_each_in_its_folder(tmp_path: Path) -> None:
    done = start(tmp_path, "train", "-m", "head=softmax,sigmoid", "seed=0,1")
    assert done.returncode == 0, done.stderr
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    expected = {
        f"{2 * row + seed}-digits-{head}-seed{seed}"
        for row, head in enumerate(("softmax", "sigmoid"))
        for seed in (0, 1)
    }
    assert {path.name for path in sweep.iterdir() if path.is_dir()} == expected
    assert done.stdout.count("ran ") == 4


def test_folders_of_the_same_second_differ(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TASK, "train"]
    jobs = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    folders = {job.communicate(timeout=60)[0] for job in jobs}
    assert [job.returncode for job in jobs] == [0] * 3
    assert len(folders) == 3


def test_a_named_folder_is_never_used_twice(tmp_path: Path) -> None:
    first, second = (start(tmp_path, "train", "hydra.run.dir=mine") for _ in range(2))
    assert first.stdout == f"ran 0 {tmp_path / 'mine'}\n"
    assert second.returncode == 2
    assert second.stdout == ""
    assert second.stderr == (
        "TH-H16: mine already holds config.yaml of another run, which is never overwritten. "
        "Try: another hydra.run.dir=..., or leave it out for a new folder\n"
    )
    worker = start(tmp_path, "train", "hydra.run.dir=mine", LOCAL_RANK="1")
    assert worker.returncode == 0, worker.stderr


@pytest.mark.parametrize("name", ["results.json", "metrics.jsonl"])
def test_results_of_another_run_are_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("1")
    with pytest.raises(HeadConfigError, match=f"TH-H16.*{name}"):
        claim_folder(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"TH-H17.*file is a file"):
        check_command("train", [f"hydra.run.dir={tmp_path}/file/run"])
    with pytest.raises(CheckpointError, match="TH-H17"):
        claim_folder(tmp_path / "file" / "run", {})


def test_an_error_in_the_task_is_one_readable_line_without_traceback(tmp_path: Path) -> None:
    done = start(tmp_path, "train", "seed=7")
    assert done.returncode == 1
    assert done.stderr == "TH-D01: no such rows. Try: another seed\n"


def test_one_failing_job_does_not_stop_a_sweep_and_fails_it(tmp_path: Path) -> None:
    done = start(tmp_path, "train", "-m", "seed=7,8")
    assert done.returncode == 1
    assert "ran 8" in done.stdout
    assert re.fullmatch(r"\S+seed7: TH-D01: no such rows\. Try: another seed\n", done.stderr)


def test_secrets_are_masked_in_the_saved_config(tmp_path: Path) -> None:
    config = {"logger": [{"API_KEY": "a", "hub_token": "b", "password": None}], "token_count": 3, "keyed": 4}
    assert masked(config) == {
        "logger": [{"API_KEY": "***", "hub_token": "***", "password": None}],
        "token_count": 3,
        "keyed": 4,
    }
    save_config(OmegaConf.create(config), tmp_path)
    assert OmegaConf.load(tmp_path / "config.yaml").logger[0].API_KEY == "***"
    with pytest.raises(FileExistsError):
        save_config(config, tmp_path, mode="x")


def test_the_task_sees_the_command_as_it_was_typed(tmp_path: Path) -> None:
    code = "import sys; from torchheads.config import run_app; sys.argv = ['torchheads', 'train', 'seed=1']; "
    code += "run_app('train', lambda config, folder: print(config.seed, sys.argv), ['seed=1'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout == "1 ['torchheads', 'train', 'seed=1']\n"


def test_nothing_near_is_no_suggestion() -> None:
    assert nearest("zzz", ["softmax"]) is None
