"""Several heads on one backbone from the command line: trained, tested, saved, resumed, and what they learn."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

from torchheads import LabelLists, MultiHead, SigmoidHead, SoftmaxHead
from torchheads.artifact import Rows
from torchheads.build import load_module
from torchheads.build_data import check_positives, open_data
from torchheads.callbacks.start_summary import summary
from torchheads.cli import main
from torchheads.data import Batch, CanvasTasks
from torchheads.errors import CheckpointMismatch, DataError, HeadConfigError, NonFiniteError, TorchHeadsWarning
from torchheads.metrics import HeadMetrics
from torchheads.module import ClassificationModule, look_for_absent_classes
from torchheads.predict import check_numbers

SIZES = ["data.train_size=400", "data.val_size=60", "data.calibration_size=60", "data.test_size=80"]
TASKS = ["experiment=canvas_tasks", *SIZES]


def run(folder: Path, *options: str, command: str = "train") -> Any:
    main([command, *options, f"hydra.run.dir={folder}"])
    return json.loads((folder / "results.json").read_text()) if command != "predict" else None


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_everything_by_head_and_its_checkpoint_answers_as_it_did(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    results = run(folder, *TASKS, "head@head.heads.present=softmax", "trainer.max_epochs=1")
    assert (results["head"], results["data"]) == ("multi", "canvas_tasks")
    assert results["label_type"] == {"top_left": "single", "present": "multi"}
    keys = {"top_left/accuracy", "top_left/nll", "present/mean_average_precision", "present/micro_f1"}
    assert keys <= set(results["val"]) == set(results["test"]) == set(results["test_default_decision"])
    assert results["test"]["present/micro_f1"] > results["test_default_decision"]["present/micro_f1"]  # it was fitted
    logged = (folder / "metrics.jsonl").read_text()
    assert '"val/top_left/accuracy"' in logged
    assert '"test/present/micro_f1"' in logged

    table = rows(folder / "per_class.csv")
    assert [row["name"] for row in table][9:12] == ["top_left/9", "top_left/empty", "present/0"]
    assert [bool(row["threshold"]) for row in table] == [False] * 11 + [True] * 10
    with np.load(folder / "predictions.npz") as saved:
        arrays = dict(saved)
    assert arrays["index"].tolist() == list(range(80))
    right = arrays["top_left/predictions"] == arrays["top_left/target"]
    assert right.mean() == pytest.approx(results["test"]["top_left/accuracy"])
    hamming = (arrays["present/predictions"] != arrays["present/target"]).mean()
    assert hamming == pytest.approx(results["test"]["present/hamming_loss"])

    checkpoint = f"checkpoint={folder / results['checkpoint']}"
    again = run(tmp_path / "again", checkpoint, command="evaluate")
    assert again["test"] == pytest.approx(results["test"], nan_ok=True, abs=1e-9)
    assert again["test_default_decision"] == pytest.approx(results["test_default_decision"], nan_ok=True, abs=1e-9)
    run(tmp_path / "predictions", checkpoint, command="predict")
    said = rows(tmp_path / "predictions" / "predictions.csv")
    names = [*"0123456789", "empty"]
    assert [row["top_left/predicted"] for row in said] == [names[label] for label in arrays["top_left/predictions"]]
    sets = [";".join(str(digit) for digit in row.nonzero()[0]) for row in arrays["present/predictions"]]
    assert [row["present/predicted"] for row in said] == sets
    assert all(sum(float(row[f"top_left/p({name})"]) for name in names) == pytest.approx(1, abs=1e-4) for row in said)
    module, data = load_module(folder / results["checkpoint"]), {"_target_": "torchheads.data.DigitCanvases"}
    with pytest.raises(CheckpointMismatch, match=r"TH-K04: label_type is multi in digit_canvases; allowed {'top_left'"):
        open_data(data, module)
    with pytest.raises(HeadConfigError, match=r"TH-H25: .*several heads, which cannot all be given the same decision"):
        load_module(folder / results["checkpoint"], {"decision": {"_target_": "torchheads.decisions.Threshold"}})


def test_an_interrupted_run_goes_on_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    options = [*TASKS, "trainer.max_epochs=2", "head.heads.present.prior=data"]
    run(tmp_path / "whole", *options)

    def stop(self: ClassificationModule, *_: Any) -> None:
        if self.trainer.global_step == 9:  # of 7 an epoch
            self.trainer.save_checkpoint(tmp_path / "midway.ckpt")
            raise DataError("D00", "the power failed")

    with monkeypatch.context() as patch:
        patch.setattr(ClassificationModule, "on_train_batch_end", stop, raising=False)
        with pytest.raises(SystemExit):
            run(tmp_path / "part", *options)
    run(tmp_path / "resumed", *options, f"resume={tmp_path / 'midway.ckpt'}")
    whole, resumed = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("whole", "resumed")
    )
    assert resumed["global_step"] == whole["global_step"] == 14
    assert all(torch.equal(resumed["state_dict"][key], value) for key, value in whole["state_dict"].items())


def test_one_head_for_several_tasks_is_refused_in_one_line(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path / "run", "data=canvas_tasks", "head=softmax", *SIZES)
    errors = capsys.readouterr().err
    assert errors.startswith("TH-H26: head is one torchheads.SoftmaxHead, but canvas_tasks has several tasks")
    assert errors.endswith("Try: head=multi\n")


def test_both_tasks_are_learned(tmp_path: Path) -> None:
    """Above what the most frequent answers give: 0.5 (empty) and the share of canvases with a digit, about 0.2."""
    options = ["experiment=canvas_tasks", "backbone=mlp", "data.train_size=3000", "trainer.max_epochs=6"]
    test = run(tmp_path / "run", *options)["test"]
    assert test["top_left/accuracy"] > 0.85
    assert test["present/mean_average_precision"] > 0.8


# In a loop of one's own ----------------------------------------------------------------------------------------------


class Padded(list[Batch]):
    """Batches of two, the last of which has one real row."""

    def real_rows(self, batch_idx: int) -> int:
        return 2 if batch_idx + 1 < len(self) else 1


def test_lists_masks_and_padding_by_head(tmp_path: Path) -> None:
    """The metrics are those of each head fed with the real rows alone."""
    heads = {"species": SoftmaxHead(6, 3, ignore_index=-1), "tags": SigmoidHead(6, 4)}
    module = ClassificationModule(nn.Flatten(), MultiHead(heads))
    features, species = torch.randn(6, 6), torch.tensor([0, -1, 2, 1, 0, 1])
    lists = LabelLists.from_lists([[0], [1, 3], [], [2], [0, 1, 2], [3]], 4)
    mask = torch.rand(6, 4) < 0.6
    mask[0] = True
    parts = [slice(start, start + 2) for start in (0, 2, 4)]
    batches = [
        Batch(features[part], {"species": species[part], "tags": lists[part]}, torch.arange(6)[part], masks)
        for part, masks in zip(parts, [{"tags": mask[part]} for part in parts], strict=True)
    ]
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        accelerator="cpu", max_epochs=2, num_sanity_val_steps=0, enable_model_summary=False,
        default_root_dir=tmp_path, use_distributed_sampler=False, **quiet,
    )  # fmt: skip
    trainer.fit(module, Padded(batches), Padded(batches))
    trainer.test(module, dataloaders=Padded(batches), verbose=False)
    rows = module.collected
    assert rows.index.tolist() == [0, 1, 2, 3, 4]
    assert rows.target["tags"].tolist() == lists[:5].tolist()
    assert torch.equal(rows.mask["tags"], mask[:5])
    for name, target, known in (("species", species[:5], None), ("tags", lists[:5], mask[:5])):
        alone = HeadMetrics(heads[name])
        alone.update(heads[name], heads[name](features[:5]), target, known)
        got = {key: module.results["test"][f"{name}/{key}"] for key in alone.compute()}
        assert got == pytest.approx(alone.compute(), nan_ok=True, abs=1e-6)
    assert module.watched == "val/species/accuracy"


def test_absent_classes_are_told_by_head() -> None:
    head = MultiHead(
        {"species": SoftmaxHead(6, 3, ignore_index=-1), "tags": SigmoidHead(6, 2, class_names=["wet", "wild"])}
    )
    target = {"species": torch.tensor([1, -1, 2]), "tags": LabelLists.from_lists([[0], [], [0]], 2)}
    with pytest.warns(TorchHeadsWarning) as caught:
        look_for_absent_classes(head, target)
    said = [str(warning.message) for warning in caught]
    assert "1 of 3 classes of species have no example in the training split: '0'" in said[0]
    assert "1 of 2 classes of tags have no example in the training split: 'wild'" in said[1]


def test_nan_of_any_head_is_refused() -> None:
    logits = {"species": torch.zeros(3, 3), "tags": torch.zeros(3, 4)}
    logits["tags"][1, 2] = float("nan")
    rows = Rows(torch.tensor([4, 5, 6]), logits, None)
    with pytest.raises(NonFiniteError, match=r"TH-L01: a\.ckpt gives NaN logits for 1 of 3 rows, such as \[5\]"):
        check_numbers(rows, "a.ckpt")


def test_data_of_which_a_task_has_no_class_are_refused() -> None:
    with pytest.raises(DataError, match=r"TH-D14: split 'train' of canvas_tasks has no example of any class"):
        check_positives(CanvasTasks(digits=(0, 0)))


def test_a_backbone_of_another_width_is_refused() -> None:
    backbone = nn.Sequential(nn.Linear(4, 5))
    backbone.out_features = 5  # type: ignore[assignment]
    with pytest.raises(HeadConfigError, match="TH-L03: Sequential gives 5 features, MultiHead has in_features=6"):
        ClassificationModule(backbone, MultiHead({"species": SoftmaxHead(6, 3)}))


def test_the_summary_names_every_head() -> None:
    module = ClassificationModule(nn.Flatten(), MultiHead({"species": SoftmaxHead(6, 3), "tags": SigmoidHead(6, 4)}))
    assert summary(module, None) == [  # type: ignore[arg-type]
        "data      data: species single-label, 3 classes; tags multi-label, 4 classes",
        "model     Flatten 0 + MultiHead 49 parameters",
        "logits    7 an example, 28.0 B",
        "watching  val/species/accuracy, highest is best",
    ]
