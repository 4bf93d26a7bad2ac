"""Weights of a backbone from a file: read as data only, and loaded whole or not at all."""

import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchheads.errors import CheckpointCorrupt, CheckpointMismatch, HeadConfigError, UnsafeArtifact

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
NESTED = ("state_dict", "model")
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
"""What DDP, torch.compile and the modules around a model put before its names."""

OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)")
"""What the published files of DenseNet put where the model has no full stop."""

REMEDY = "backbone.weights=weights.safetensors, or a .pth file of a state dict"


def is_file_name(weights: object) -> bool:
    """Whether the option ``backbone.weights`` means a file rather than published weights.

    Example:
        >>> is_file_name("resnet18.pth"), is_file_name("IMAGENET1K_V1"), is_file_name(None)
        (True, False, False)
    """
    return isinstance(weights, str) and (weights.lower().endswith(SUFFIXES) or "/" in weights or "\\" in weights)


def load_file(model: nn.Module, weights: str, classifier: Sequence[str]) -> None:
    """Load a file into a model without its classifier.

    The file holds a state dict of the model, with or without its classifier, alone or under ``state_dict`` or
    ``model``; names may carry the prefixes in `PREFIXES`. Beside ``backbone.`` it may hold the ``head.`` of a whole
    module, such as a checkpoint of torchheads.

    Args:
        model: gets the weights, whatever dtype they are stored in.
        weights: the file; ``.safetensors`` is read as such, anything else by torch with ``weights_only=True``.
        classifier: how the names of what was taken off the model begin; such entries are passed over.

    Raises:
        CheckpointCorrupt: code K01, for a file that is missing, damaged or of another kind.
        UnsafeArtifact: code K05, when it holds more than tensors and plain values.
        CheckpointMismatch: code K03, naming what is missing, what is too much and what has another shape; also when
            the file holds no state dict.
    """
    state = plain_names(unnested(read_file(Path(weights)), weights))
    state = {OLD_DENSENET.sub(r"\1", name): value for name, value in state.items()}
    state = {name: value for name, value in state.items() if not name.startswith(tuple(classifier))}
    own = model.state_dict()
    faults = {
        "of another shape": [
            f"{name} {tuple(value.shape)} where the model has {tuple(own[name].shape)}"
            for name, value in state.items()
            if name in own and value.shape != own[name].shape
        ]
    }
    if not faults["of another shape"]:
        try:
            found = model.load_state_dict(with_version(state, own), strict=False)
        except RuntimeError as error:  # a shape that shows only after the model has renamed entries of older files
            raise mismatch(weights, str(error).strip().splitlines()[-1].strip()) from error
        faults |= {"missing": found.missing_keys, "too many": found.unexpected_keys}
    problems = [f"{len(names)} {kind}: {some(names)}" for kind, names in faults.items() if names]
    if problems:
        raise mismatch(weights, "; ".join(problems))


def not_downloaded(name: str, weights: str, error: Exception) -> HeadConfigError:
    """The error, code H31, for published weights that did not arrive."""
    problem = f"the weights {weights} of {name} cannot be downloaded ({getattr(error, 'reason', error)})"
    return HeadConfigError("H31", problem, "backbone.weights=weights.pth, a file fetched elsewhere, or null")


def read_file(path: Path) -> Any:
    """What a file holds, read without running any of it.

    Raises:
        CheckpointCorrupt, UnsafeArtifact: see `load_file`.
    """
    if not path.is_file():
        problem = f"{path} is a folder, not a file" if path.is_dir() else f"there is no file {path}"
        raise CheckpointCorrupt("K01", problem, REMEDY)
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file as read_safetensors

            return read_safetensors(path)
        with warnings.catch_warnings(action="ignore"):  # of pickles that torch did not write, which are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointCorrupt("K01", f"{path} cannot be read: {error.strerror or error}", REMEDY) from error
    except Exception as error:  # whatever a damaged file makes of the reader
        what = python_object(path, error)
        if what:
            problem = f"{path} holds {what}, which could run code when it is read"
            raise UnsafeArtifact("K05", problem, "torch.save(model.state_dict(), 'weights.pth')") from error
        problem, remedy = what_it_is(path)
        raise CheckpointCorrupt("K01", f"{path} holds no weights: {problem}", remedy) from error


def python_object(path: Path, error: Exception) -> str:
    """What a file holds that is neither a tensor nor a plain value, in words; empty if it is merely damaged."""
    start = first_bytes(path)
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    if found and start.startswith((b"PK", b"\x80")):  # a text may read like a pickle by chance
        return f"a Python object ({found[1]})"
    return "a pickle that torch.save did not write" if re.match(rb"\x80[\x03-\x05]", start) else ""


def unnested(content: Any, weights: str) -> dict[str, Tensor]:
    """The state dict in what a file holds.

    Raises:
        CheckpointMismatch: code K03, when there is none.
    """
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise mismatch(weights, f"it holds {'nothing' if content == {} else f'a {type(content).__name__}'}")
    strange = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if strange:
        raise mismatch(weights, f"it holds no state dict: {some(strange)} are no tensors")
    return dict(content)


def plain_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The entries under the names that the model itself gives them.

    Example:
        >>> list(plain_names({"backbone.model.fc.bias": torch.zeros(1), "head.bias": torch.zeros(1)}))
        ['fc.bias']
    """
    own = [name for name in state if not name.startswith("head.")]
    for prefix in PREFIXES:
        if own and all(name.startswith(prefix) for name in own):
            return plain_names({name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)})
    return state


def with_version(state: Mapping[str, Tensor], own: Any) -> OrderedDict[str, Tensor]:
    """The entries with the version of the whole model, which MNASNet asks for, and of none of its parts.

    So parts take the entries for those of an older version and fill or rename what they then had otherwise, such as
    the counter of batch norm.
    """
    ordered = OrderedDict(state)
    ordered._metadata = {"": getattr(own, "_metadata", {}).get("", {})}  # type: ignore[attr-defined]
    return ordered


def mismatch(weights: str, problem: str) -> CheckpointMismatch:
    """The error, code K03, for a sound file that does not fit the model."""
    remedy = "the backbone.name and the image size of the model that the file was saved from"
    return CheckpointMismatch("K03", f"{weights} does not fit the backbone: {problem}", remedy)


def some(names: Sequence[str]) -> str:
    """The first few names of many.

    Example:
        >>> some(["a", "b", "c", "d", "e"])
        'a, b, c, d, ...'
    """
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def what_it_is(path: Path) -> tuple[str, str]:
    """What a file without weights is, in words, and what to do."""
    size, start = path.stat().st_size, first_bytes(path)
    if not size:
        return "the file is empty", REMEDY
    if start.startswith(b"version https://git-lfs"):
        return "the file is a Git LFS pointer, which stands for a file that was not fetched", "git lfs pull"
    if start.startswith(b"PK"):
        return f"the file is cut short or damaged ({size:,} bytes)", REMEDY
    kind = "a text file" if start.isascii() and b"\0" not in start else "of another format, cut short or damaged"
    return f"the file is {kind} ({size:,} bytes)", REMEDY


def first_bytes(path: Path) -> bytes:
    """How a file begins."""
    with path.open("rb") as file:
        return file.read(64)
