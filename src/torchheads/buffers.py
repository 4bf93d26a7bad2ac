"""Buffers that hold numbers a user named or a fit learned, which no move, cast or empty shell may change.

c classes.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn


def constant(numbers: object, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers as a tensor that has content even where modules are built without any (``torch.device("meta")``).

    Args:
        numbers: what ``torch.as_tensor`` takes; a tensor stays on its device.
        dtype: floating dtype of the result.

    Example:
        >>> with torch.device("meta"):
        ...     constant([0.5])
        tensor([0.5000])
    """
    if isinstance(numbers, Tensor):
        return numbers.detach().to(dtype)
    made = torch.as_tensor(numbers, dtype=dtype, device="cpu")
    device = torch.get_default_device()
    return made if device.type == "meta" else made.to(device)


def keep_exact(module: nn.Module, before: Mapping[str, Tensor | None]) -> None:
    """After ``nn.Module._apply``: buffers moved to their new device, in the precision and with the content of before.

    A rounded threshold is another threshold, and ``to_empty`` would leave whatever the memory held.

    Args:
        module: the module that was moved, cast or emptied.
        before: its buffers as they were.
    """
    for name, moved in module._buffers.items():
        old = before[name]
        if moved is not None and old is not None and not old.is_meta:
            module._buffers[name] = old.to(moved.device)


class ExactBuffers:
    """For a part of a head, before ``nn.Module`` among its bases: no move, cast or emptying changes its buffers."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device or dtype, but keep the buffers exact: a rounded cut is another cut."""
        module: Any = self
        before = dict(module._buffers)
        super()._apply(fn, recurse)  # type: ignore[misc]
        keep_exact(module, before)
        return self


def take_numbers(module: nn.Module, state_dict: dict[str, Tensor], prefix: str, keep_own: bool) -> None:
    """Make a state dict fit a part of a head, before ``nn.Module`` reads it: all of the part's numbers, or none.

    A part may hold another one, as a selective decision holds the rule that it decides by.

    Numbers of another kind of part are passed over; where some of the part's own are missing, or the user named them,
    the part keeps those it has. Numbers that were learned under the same names by another kind of part, or with other
    options (see `kind_of`), leave the part unfitted. States saved before there were kinds are taken as they are.

    Args:
        module: the part.
        state_dict: changed in place.
        prefix: of the part's keys.
        keep_own: whether the part's own numbers win over the loaded ones.
    """
    own = {prefix + name: value for name, value in module.named_buffers()}
    for key in [key for key in state_dict if key.startswith(prefix) and key not in own]:
        del state_dict[key]
    learners = {f"{prefix}{name}." if name else prefix: part for name, part in module.named_modules() if learns(part)}
    for place, part in learners.items():
        state_dict.setdefault(f"{place}kind", constant(kind_of(part), torch.int64))
    if keep_own or not own.keys() <= state_dict.keys():
        state_dict.update(own)
    elif any(is_of_another_kind(part, state_dict[f"{place}kind"]) for place, part in learners.items()):
        state_dict.update(own | {f"{place}is_fitted": constant(False, torch.bool) for place in learners})


def learns(part: nn.Module) -> bool:
    """Whether a part holds numbers that a fit gave it, and the kind that they are of."""
    return "kind" in part._buffers


def kind_of(part: nn.Module) -> int:
    """What the numbers of a part mean, as a number above 0: its class, and the options in its ``meaning``.

    Example:
        >>> kind_of(nn.Identity()) == kind_of(nn.Identity()) != kind_of(nn.ReLU())
        True
    """
    return zlib.crc32(f"{type(part).__name__}({getattr(part, 'meaning', '')})".encode()) or 1


def is_of_another_kind(part: nn.Module, kind: Tensor) -> bool:
    """Whether numbers of this kind mean something else in a part; 0 is the kind of a part that has learned nothing."""
    return not kind.is_meta and int(kind) not in (0, kind_of(part))


def mark_fitted(part: Any, device: torch.device | None = None) -> None:
    """Count a part as fitted from here on, with numbers of its present kind; on a device, or where the marks are."""
    part.is_fitted = torch.ones_like(part.is_fitted, device=device)
    part.kind = torch.full_like(part.kind, kind_of(part), device=device)


def mark_unfitted(module: nn.Module) -> None:
    """Forget that a part, and every part in it, was fitted."""
    parts: list[Any] = [part for part in module.modules() if learns(part)]
    for part in parts:
        part.is_fitted = torch.zeros_like(part.is_fitted)
