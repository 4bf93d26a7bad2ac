"""Which parameters decay: matrices and kernels do; biases, norms and anything with fewer than two axes do not."""

from __future__ import annotations

from typing import Any

from torch import nn

from torchheads.backbones import Backbone
from torchheads.errors import HeadConfigError
from torchheads.optim.learning_rates import LearningRates, Place

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def parameter_groups(
    module: nn.Module, weight_decay: float, rates: LearningRates | None = None
) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer, in the order of ``module.parameters()``.

    Decay pulls weights towards zero; on a bias it would pull the head away from the prior it starts at, and on a norm
    it acts as a hidden change of the learning rate. Every trainable parameter is in exactly one group, a shared one
    once, a frozen one in none unless its backbone is frozen until an epoch; a group without parameters is left out.

    Args:
        module: what is trained.
        weight_decay: decay of matrices and kernels, >= 0; the others have 0.
        rates: learning rates by depth; None leaves them to the optimizer.

    Returns:
        Dicts with ``name``, ``params``, ``weight_decay`` and, where rates are given, ``lr``: at most two for each place
        that has a learning rate of its own.

    Raises:
        HeadConfigError: code H13, when nothing is trainable; H34, for rates by depth of a module that is not a backbone
            and a head.

    Example:
        >>> [(group["name"], len(group["params"])) for group in parameter_groups(nn.Linear(3, 2), 0.1)]
        [('all', 1), ('all, no decay', 1)]
    """
    places = rates.places(module) if rates else {}
    elsewhere = Place("other") if places else Place()
    groups: dict[Place, tuple[list[nn.Parameter], list[nn.Parameter]]] = {}
    for parameter, exempt in trainable(module):
        groups.setdefault(places.get(id(parameter), elsewhere), ([], []))[exempt].append(parameter)
    if not groups:
        problem = f"{type(module).__name__} has no trainable parameter"
        raise HeadConfigError("H13", problem, "parameter.requires_grad_(True) on what is to be trained")
    return [
        {
            "name": f"{place.name}, no decay" if exempt else place.name,
            "params": parameters,
            "weight_decay": 0.0 if exempt else weight_decay,
            **({"lr": rates.lr * place.factor} if rates else {}),
        }
        for place, pair in groups.items()
        for exempt, parameters in enumerate(pair)
        if parameters
    ]


def trainable(module: nn.Module) -> list[tuple[nn.Parameter, bool]]:
    """Each parameter that trains now or later, once, and whether it is exempt from decay."""
    found: dict[int, tuple[nn.Parameter, bool]] = {}
    later = {id(weight) for part in module.modules() if isinstance(part, Backbone) for weight in part.trainable_later()}
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.requires_grad or id(parameter) in later:
                exempt = parameter.ndim < 2 or name == "bias" or isinstance(part, NORMS)
                found.setdefault(id(parameter), (parameter, exempt))
    return list(found.values())
