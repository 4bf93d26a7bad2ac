"""Which parameters decay: matrices and kernels do; biases, norms and anything with fewer than two axes do not."""

from __future__ import annotations

from typing import Any

from torch import nn

from torchheads.errors import HeadConfigError

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer, in the order of ``module.parameters()``.

    Decay pulls weights towards zero; on a bias it would pull the head away from the prior it starts at, and on a norm
    it acts as a hidden change of the learning rate. Every trainable parameter is in exactly one group, a shared one
    once, a frozen one in none; a group without parameters is left out.

    Args:
        module: what is trained.
        weight_decay: decay of the first group, >= 0; the second has 0.

    Returns:
        At most two dicts with ``params`` and ``weight_decay``.

    Raises:
        HeadConfigError: code H13, when nothing is trainable.

    Example:
        >>> [len(group["params"]) for group in parameter_groups(nn.Linear(3, 2), 0.1)]
        [1, 1]
    """
    decaying: list[nn.Parameter] = []
    still: list[nn.Parameter] = []
    seen: set[int] = set()
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.requires_grad and id(parameter) not in seen:
                seen.add(id(parameter))
                exempt = parameter.ndim < 2 or name == "bias" or isinstance(part, NORMS)
                (still if exempt else decaying).append(parameter)
    if not seen:
        problem = f"{type(module).__name__} has no trainable parameter"
        raise HeadConfigError("H13", problem, "parameter.requires_grad_(True) on what is to be trained")
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": still, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
