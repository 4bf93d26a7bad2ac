"""Runs on pictures of one's own, from the table to the evaluation: what was trained is what is evaluated."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hydra import compose, initialize_config_module
from PIL import Image

from torchheads.build import load_module
from torchheads.build_data import open_data
from torchheads.config import check_config
from torchheads.errors import CheckpointMismatch, TorchHeadsWarning
from torchheads.evaluate import evaluate
from torchheads.predict import predict
from torchheads.train import train

ROWS = 60


@pytest.fixture(autouse=True, scope="module")
def hydra() -> Iterator[None]:
    with initialize_config_module("torchheads_configs", version_base="1.3"):
        yield


def write_pictures(folder: Path, brightness: int = 0) -> Path:
    """Noisy pictures of three sizes, those of dogs redder than those of cats, and the table that names them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["image,label"]
    for row in range(ROWS):
        pixels = rng.integers(0, 120, size=(30 + row % 3, 40, 3), dtype=np.uint8) + np.uint8(brightness)
        pixels[..., 0] += np.uint8(60 * (row % 2))
        Image.fromarray(pixels).save(folder / f"{row:02}.png")
        lines.append(f"{row:02}.png,{('cat', 'dog')[row % 2]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "labels.csv"


def run(folder: Path, *words: str) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return train(check_config(compose("train", [*words, "callbacks.progress=null"])), folder)


def again(folder: Path, checkpoint: Path, *words: str) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return evaluate(check_config(compose("evaluate", [f"checkpoint={checkpoint}", *words])), folder)


@pytest.fixture(scope="module")
def probe(hydra: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """A linear probe on the features of a network that was read from a file: table, run folder, its results."""
    folder = tmp_path_factory.mktemp("probe")
    table = write_pictures(folder / "pictures")
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(num_classes=7).state_dict(), folder / "weights.pth")
    results = run(
        folder / "run",
        *("data=manifest", f"data.path={table}", "data.image_size=32", "data.split_seed=3", "data.val_share=0.2"),
        *("backbone=torchvision", f"backbone.weights={folder / 'weights.pth'}", "backbone.freeze=true"),
        "trainer.max_epochs=2",
    )
    (folder / "weights.pth").unlink()  # nothing below may need it
    return table, folder / "run", results


def test_features_are_computed_once_and_the_whole_model_is_kept(probe: Any) -> None:
    _, folder, results = probe
    assert set(results["seconds"]) == {"data", "decision", "features", "fit", "test"}
    state = torch.load(folder / "checkpoints" / "final.ckpt", weights_only=True)["state_dict"]
    assert any(key.startswith("backbone.model.layer4") for key in state)


def test_an_evaluation_repeats_the_test_of_the_run(probe: Any, tmp_path: Path) -> None:
    _, folder, results = probe
    record = again(tmp_path, folder / "checkpoints" / "final.ckpt")
    assert record["test"] == pytest.approx(results["test"], abs=1e-5)


def test_predictions_name_their_pictures(probe: Any, tmp_path: Path) -> None:
    _, folder, results = probe
    checkpoint = folder / "checkpoints" / "final.ckpt"
    predict(check_config(compose("predict", [f"checkpoint={checkpoint}"])), tmp_path)
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    truth = [("cat", "dog")[int(row["file"][:2]) % 2] for row in rows]  # odd pictures are dogs
    assert len({row["file"] for row in rows}) == len(rows) == results["samples"]["test"]
    right = [row["predicted"] == label for row, label in zip(rows, truth, strict=True)]
    assert sum(right) / len(right) == pytest.approx(results["test"]["accuracy"])


def test_other_pictures_are_brought_to_what_the_model_knows(probe: Any, tmp_path: Path) -> None:
    _, folder, _ = probe
    module = load_module(folder / "checkpoints" / "final.ckpt")
    mine = open_data(None, module)
    brighter = write_pictures(tmp_path / "brighter", brightness=70)
    config = check_config(compose("evaluate", ["checkpoint=a", "data=manifest", f"data.path={brighter}"]))
    with pytest.warns(TorchHeadsWarning, match="TH-W05: data.split_seed=0 data.val_share=0.1, other than in the run"):
        other = open_data(config["data"], module)
    assert other.input_shape == mine.input_shape == (3, 32, 32)
    assert torch.equal(other.standardised_by.mean, mine.standardised_by.mean)
    assert mine.standardised_by.mean.flatten().tolist() == pytest.approx([0.485 * 255, 0.456 * 255, 0.406 * 255])


def test_a_run_is_not_carried_on_with_other_classes(tmp_path: Path) -> None:
    table = write_pictures(tmp_path / "pictures")
    words = ("data=manifest", f"data.path={table}", "data.image_size=8", "trainer.max_epochs=1")
    run(tmp_path / "run", *words)
    table.write_text(table.read_text().replace(",cat", ",zebra"))
    resume = f"resume={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises(CheckpointMismatch, match=r"TH-K04: class_names is \['dog', 'zebra'\]"):
        run(tmp_path / "more", *words, resume)
