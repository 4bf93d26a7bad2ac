"""Buffers that are configuration: numbers a user named, which no move, cast or empty shell may change.

c classes.
"""

from collections.abc import Mapping

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
