"""A checkpoint is the new one or the old one, never half of either."""

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
