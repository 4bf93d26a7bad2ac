"""Every layout in which weights are kept loads to the bit, and every fault of a file is said."""

import argparse
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.vision_transformer import MLPBlock

from torchheads import SigmoidHead
from torchheads.backbones import TimmBackbone, TorchvisionBackbone
from torchheads.backbones.torchvision_backbone import import_models
from torchheads.backbones.weights_file import is_file_name, load_file, plain_names
from torchheads.errors import CheckpointCorrupt, CheckpointMismatch, HeadConfigError, UnsafeArtifact

NAME = "squeezenet1_1"  # the smallest of torchvision; its classifier is a convolution


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(7)
    return import_models().get_model(NAME)


def backbone(path, name=NAME):
    torch.manual_seed(0)
    return TorchvisionBackbone((3, 32, 32), name=name, weights=str(path))


def without_classifier(state):
    return {name: value for name, value in state.items() if not name.startswith("classifier.")}


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


LAYOUTS = {
    "plain": lambda state: state,
    "without its classifier": without_classifier,
    "another classifier": lambda state: {
        **without_classifier(state),
        "classifier.1.weight": torch.zeros(7, 512, 1, 1),
        "classifier.1.extra": torch.zeros(3),
    },
    "under state_dict": lambda state: {"state_dict": state, "epoch": 3, "best": 0.5},
    "under model": lambda state: {"model": state, "optimizer": {"param_groups": [{"lr": 0.1}]}},
    "of DDP": lambda state: prefixed(state, "module."),
    "of torch.compile": lambda state: prefixed(state, "_orig_mod."),
    "of a module": lambda state: {"state_dict": prefixed(state, "model.")},
    "of a backbone": lambda state: prefixed(without_classifier(state), "backbone."),
    "several prefixes": lambda state: {"model": prefixed(state, "module.backbone.model.")},
    "of torchheads": lambda state: {
        "state_dict": {**prefixed(without_classifier(state), "backbone.model."), "head.bias": torch.zeros(3)},
        "hyper_parameters": {"config": {}},
    },
    "in half precision": lambda state: {name: value.half() for name, value in state.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_loads_to_the_bit(layout, model, tmp_path):
    torch.save(layout(dict(model.state_dict())), tmp_path / "weights.pth")
    loaded = backbone(tmp_path / "weights.pth").model.state_dict()
    halved = layout is LAYOUTS["in half precision"]
    wanted = {name: value.half().float() if halved else value for name, value in model.state_dict().items()}
    assert loaded.keys() == without_classifier(wanted).keys()
    assert all(torch.equal(value, wanted[name]) for name, value in loaded.items())


@pytest.mark.parametrize("prefix", ["", "module."])
def test_safetensors(prefix, model, tmp_path):
    save_file(prefixed(model.state_dict(), prefix), tmp_path / "weights.safetensors")
    loaded = backbone(tmp_path / "weights.safetensors").model.state_dict()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.items())


def test_a_checkpoint_of_torchheads_gives_the_backbone_it_was_saved_with(tmp_path):
    trained = TorchvisionBackbone((3, 32, 32), name=NAME)
    state = nn.ModuleDict({"backbone": trained, "head": SigmoidHead(512, 3)}).state_dict()
    torch.save({"state_dict": state}, tmp_path / "final.ckpt")
    loaded = backbone(tmp_path / "final.ckpt")
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in loaded.state_dict().items())


def rename(name):
    """As the published files of DenseNet have it, which are older than the model."""
    for number in (1, 2):
        for part in ("norm", "conv"):
            name = name.replace(f".{part}{number}.", f".{part}.{number}.") if "denselayer" in name else name
    return name


@pytest.mark.parametrize("name", ["densenet121", "mnasnet0_5", "googlenet"])
def test_files_older_than_the_model_load_too(name, tmp_path):
    torch.manual_seed(7)
    model = import_models().get_model(name, **({"init_weights": True} if name == "googlenet" else {}))
    state = model.state_dict()
    older = {rename(key): value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert name in ("mnasnet0_5", "googlenet") or older.keys() - state.keys()
    torch.save(older, tmp_path / "weights.pth")
    loaded = backbone(tmp_path / "weights.pth", name).model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())
    assert len(loaded) > 100


def test_timm(tmp_path):
    torch.manual_seed(7)
    model = TimmBackbone((3, 32, 32), name="resnet10t").model
    head = {"fc.weight": torch.zeros(4, 512), "fc.bias": torch.zeros(4)}
    save_file({**model.state_dict(), **head}, tmp_path / "weights.safetensors")
    loaded = TimmBackbone((3, 32, 32), name="resnet10t", weights=str(tmp_path / "weights.safetensors"))
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.model.state_dict().items())
    with pytest.raises(CheckpointMismatch, match=r"TH-K03: .*conv1\.0\.weight \(24, 3, 3, 3\) .* \(24, 1, 3, 3\)"):
        TimmBackbone((1, 32, 32), name="resnet10t", weights=str(tmp_path / "weights.safetensors"))


def lacking(state):
    return {name: value for name, value in state.items() if not name.startswith("features.0.")}


MISMATCHES = {
    "missing": (lacking, r"2 missing: features\.0\.weight, features\.0\.bias"),
    "too many": (lambda state: {**state, "features.99.bias": torch.zeros(2)}, r"1 too many: features\.99\.bias"),
    "shape": (
        lambda state: {**state, "features.0.weight": torch.zeros(64, 1, 3, 3)},
        r"1 of another shape: features\.0\.weight \(64, 1, 3, 3\) where the model has \(64, 3, 3, 3\)",
    ),
    "other names": (lambda state: prefixed(state, "net."), r"50 missing: .*, \.\.\.; 52 too many: net\.features\.0"),
    "half a prefix": (
        lambda state: {("module." if "0." in name else "") + name: value for name, value in state.items()},
        r"\d+ missing: .*too many: ",
    ),
    "no tensors": (lambda state: {"epoch": 3, "lr": 0.1}, r"it holds no state dict: epoch, lr are no tensors"),
    "a list": (lambda state: list(state.values()), "it holds a list"),
    "a tensor": (lambda state: torch.zeros(3), "it holds a Tensor"),
    "nothing": (lambda state: {}, "it holds nothing"),
}


@pytest.mark.parametrize(("content", "message"), MISMATCHES.values(), ids=MISMATCHES)
def test_k03_what_does_not_fit_is_named(content, message, model, tmp_path):
    torch.save(content(dict(model.state_dict())), tmp_path / "weights.pth")
    with pytest.raises(CheckpointMismatch, match=f"TH-K03: .*weights.pth does not fit the backbone: {message}.*Try: "):
        backbone(tmp_path / "weights.pth")


def test_entries_that_a_part_renames_are_loaded_or_named(tmp_path):
    block = nn.ModuleDict({"mlp": MLPBlock(3, 4, 0.0)})  # of vision transformers; its layers were linear_1, linear_2
    state = {f"mlp.linear_{number}.{kind}": getattr(block["mlp"][place], kind).detach() + 1
             for number, place in ((1, 0), (2, 3)) for kind in ("weight", "bias")}  # fmt: skip
    torch.save(state, tmp_path / "weights.pth")
    load_file(block, str(tmp_path / "weights.pth"), [])
    assert torch.equal(block["mlp"][3].bias, state["mlp.linear_2.bias"])
    torch.save(state | {"mlp.linear_1.bias": torch.zeros(5)}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointMismatch, match=r"TH-K03: .*size mismatch for mlp\.0\.bias.*\[5\]"):
        load_file(block, str(tmp_path / "weights.pth"), [])


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", ["torch", "legacy", "pickle"])
def test_k05_a_pickle_that_would_run_code_does_not_run(how, tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "weights.pth"
    payload = {"state_dict": {"features.0.weight": Canary(canary)}}
    if how == "pickle":
        path.write_bytes(pickle.dumps(payload))
    else:
        torch.save(payload, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(UnsafeArtifact, match=r"TH-K05: \S+ holds a (Python|pickle).*Try: torch\.save\(model\.state_d"):
        backbone(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "extra", [argparse.Namespace(lr=0.1), np.float64(0.5), Path("x")], ids=["args", "numpy", "path"]
)
def test_k05_a_training_checkpoint_with_python_objects_names_them(extra, model, tmp_path):
    torch.save({"model": model.state_dict(), "args": extra}, tmp_path / "weights.pth")
    with pytest.raises(UnsafeArtifact, match=r"TH-K05: .*holds a Python object \((argparse|numpy|pathlib)"):
        backbone(tmp_path / "weights.pth")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n"
FAULTS = [
    (b"", "the file is empty"),
    (POINTER, r"the file is a Git LFS pointer.*Try: git lfs pull"),
    (b"<html>404 Not Found</html>", r"the file is a text file \(26 bytes\)"),
    (b"\xff\xfe\x00\x01" * 20, r"the file is of another format, cut short or damaged \(80 bytes\)"),
]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(("content", "message"), FAULTS, ids=["empty", "lfs", "text", "bytes"])
def test_k01_what_is_no_file_of_weights(content, message, suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointCorrupt, match=rf"TH-K01: \S+ holds no weights: {message}"):
        backbone(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_k01_a_file_cut_short(suffix, model, tmp_path):
    path = tmp_path / f"weights{suffix}"
    torch.save(model.state_dict(), path) if suffix == ".pth" else save_file(model.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointCorrupt, match=r"TH-K01: .* cut short or damaged \([\d,]+ bytes\)"):
        backbone(path)


def test_k01_no_file_and_a_folder(tmp_path):
    with pytest.raises(CheckpointCorrupt, match=r"TH-K01: there is no file \S+missing\.pth.*Try: backbone\.weights="):
        backbone(tmp_path / "missing.pth")
    with pytest.raises(CheckpointCorrupt, match=r"TH-K01: \S+ is a folder, not a file"):
        backbone(tmp_path)


@pytest.mark.parametrize("error", [OSError("<no route to host>"), RuntimeError('invalid hash value (expected "5c10")')])
def test_h31_published_weights_that_do_not_arrive(error, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(HeadConfigError, match=r"TH-H31: the weights DEFAULT of squeezenet1_1 cannot be downloaded \("):
        backbone("DEFAULT")


def test_file_names():
    for name in ("a.pth", "a.PT", "a.safetensors", "a.ckpt", "pytorch_model.bin", "folder/a", "C:\\a"):
        assert is_file_name(name)
    for name in ("DEFAULT", "IMAGENET1K_V1", None, True, 3, "a1_in1k"):
        assert not is_file_name(name)


def test_a_prefix_is_taken_off_only_if_all_entries_have_it():
    assert list(plain_names({"model.a": 1, "model.b": 2})) == ["a", "b"]
    assert list(plain_names({"model.a": 1, "b": 2})) == ["model.a", "b"]
    assert list(plain_names({"module.model.a": 1, "module.head.b": 2})) == ["a"]
    assert list(plain_names({"features.a": 1, "head.b": 2})) == ["features.a", "head.b"]
    assert list(plain_names({"head.b": 2})) == ["head.b"]
