"""A checkpoint is the new one or the old one, never half of either."""

import os
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch import Trainer

from torchheads.callbacks import BestCheckpoint
from torchheads.callbacks.whole_files import WholeFiles, write_whole_files


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path, written = tmp_path / "new folder" / "last.ckpt", []
    WholeFiles().save_checkpoint({"step": 1}, path)
    save = torch.save

    def interrupted(checkpoint, file):
        save(checkpoint, file)
        written.append(torch.load(path, weights_only=True))
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        WholeFiles().save_checkpoint({"step": 2}, path)
    assert written == [{"step": 1}]
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
    assert torch.load(path, weights_only=True) == {"step": 1}
    monkeypatch.undo()
    WholeFiles().save_checkpoint({"step": 2}, str(path))
    assert torch.load(path, weights_only=True) == {"step": 2}


@pytest.mark.parametrize("links", [True, False])
def test_two_names_of_a_file_do_not_change_together(tmp_path, monkeypatch, links):
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links on this disk")))
    Path(f"{last}.part").touch()  # of a run that was killed
    for step, path in enumerate((best, last, best)):
        WholeFiles().save_checkpoint({"step": step}, best)
        WholeFiles().write_again(best, last)
        assert best.samefile(last) is links
        WholeFiles().save_checkpoint({"step": 9}, path)
        kept = last if path is best else best
        assert torch.load(path, weights_only=True) == {"step": 9}
        assert torch.load(kept, weights_only=True) == {"step": step}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_what_is_no_local_path_is_left_to_lightning(monkeypatch):
    seen = []
    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", lambda self, *arguments: seen.append(arguments))
    WholeFiles().save_checkpoint({}, "memory://last.ckpt")
    WholeFiles().save_checkpoint({}, "last.ckpt", {"an": "option"})
    assert seen == [({}, "memory://last.ckpt", None), ({}, "last.ckpt", {"an": "option"})]


def test_a_run_writes_them_unless_it_was_told_another_way(scripted, batches, trainer, tmp_path):
    class Own(TorchCheckpointIO):
        pass

    run = trainer(BestCheckpoint(str(tmp_path / "kept")))
    run.fit(scripted([0.5, 0.4, 0.9]), batches, batches)
    assert type(run.strategy.checkpoint_io) is WholeFiles
    told = Trainer(accelerator="cpu", logger=False, plugins=[Own()], default_root_dir=tmp_path)
    write_whole_files(told)
    assert type(told.strategy.checkpoint_io) is Own
