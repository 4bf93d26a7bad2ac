"""Buffers that hold numbers a user named or a fit learned, which no move, cast or empty shell may change.

c classes.
"""

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
    the part keeps those it has.

    Args:
        module: the part.
        state_dict: changed in place.
        prefix: of the part's keys.
        keep_own: whether the part's own numbers win over the loaded ones.
    """
    own = {prefix + name: value for name, value in module.named_buffers()}
    for key in [key for key in state_dict if key.startswith(prefix) and key not in own]:
        del state_dict[key]
    if keep_own or not own.keys() <= state_dict.keys():
        state_dict.update(own)
