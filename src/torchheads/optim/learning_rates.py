"""Learning rates by depth: features that were learned before move slower, the nearer to the input the slower."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import nn

from torchheads.backbones import Backbone
from torchheads.backbones.stages import find_stages
from torchheads.errors import HeadConfigError
from torchheads.optim.base import check_range


class Place(NamedTuple):
    """Where a parameter sits, in words, and what its learning rate is multiplied by."""

    name: str = "all"
    factor: float = 1.0


class LearningRates(NamedTuple):
    """The learning rate of each parameter of a backbone and a head.

    Equation, for the stages j = 0 to J - 1 of the backbone, counted from the input::

        stage j   lr * layer_decay ** (J - j)
        head      lr * head_lr_factor

    So the head stands for stage J, and what is neither backbone nor head has ``lr``. A schedule multiplies them all.

    Args:
        lr: the learning rate of what has no other.
        head_lr_factor: above 0.
        layer_decay: above 0 and up to 1; 1 = the same for all stages.

    Source: Howard and Ruder 2018, Universal Language Model Fine-tuning, section 3.2 (discriminative fine-tuning, with
        1/2.6); Clark et al. 2020, ELECTRA, and Bao et al. 2022, BEiT, details of fine-tuning (layer-wise decay).
    """

    lr: float
    head_lr_factor: float = 1.0
    layer_decay: float = 1.0

    def check(self) -> None:
        """Refuse factors that are none.

        Raises:
            HeadConfigError: code H13, naming the option, its value and what to type.

        Example:
            >>> LearningRates(0.1, layer_decay=0.7).check()
        """
        remedy = "optimizer.head_lr_factor=10"
        check_range("optimizer.head_lr_factor", self.head_lr_factor, 0, math.inf, remedy, open_low=True)
        remedy = "optimizer.layer_decay=0.7"
        check_range("optimizer.layer_decay", self.layer_decay, 0, math.inf, remedy, open_low=True)
        if self.layer_decay > 1:
            problem = f"optimizer.layer_decay={self.layer_decay!r}; allowed a number above 0 and up to 1"
            raise HeadConfigError("H13", problem, remedy)

    def places(self, module: nn.Module) -> dict[int, Place]:
        """The place of parameters by their ``id``; those that are not in it have the first place, with ``lr``.

        Args:
            module: has a ``backbone`` and a ``head``, unless all learning rates are the same.

        Raises:
            HeadConfigError: code H34, when it has not.
        """
        if self.head_lr_factor == self.layer_decay == 1:
            return {}
        backbone, head = (part_of(module, name, self) for name in ("backbone", "head"))
        places: dict[int, Place] = {}
        stages = [backbone] if self.layer_decay == 1 else stages_of(backbone)
        for number, stage in enumerate(stages):
            name = "backbone" if self.layer_decay == 1 else f"stage {number}"
            place = Place(name, self.layer_decay ** (len(stages) - number))
            places = {id(parameter): place for parameter in stage.parameters()} | places
        return {id(parameter): Place("head", self.head_lr_factor) for parameter in head.parameters()} | places


def part_of(module: nn.Module, name: str, rates: LearningRates) -> nn.Module:
    """The backbone or the head of a module.

    Raises:
        HeadConfigError: code H34, when there is none.
    """
    part = getattr(module, name, None)
    if not isinstance(part, nn.Module):
        asked = f"optimizer.head_lr_factor={rates.head_lr_factor} and optimizer.layer_decay={rates.layer_decay}"
        problem = f"{type(module).__name__} has no {name}; {asked} are those of a module with a backbone and a head"
        raise HeadConfigError("H34", problem, "ClassificationModule(backbone, head), or both factors 1")
    return part


def stages_of(backbone: nn.Module) -> list[nn.Module]:
    """The stages of a backbone; of any other module those that `find_stages` sees.

    Example:
        >>> len(stages_of(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))))
        2
    """
    plain = getattr(backbone, "_orig_mod", backbone)  # inside what torch.compile made of it
    return plain.stages() if isinstance(plain, Backbone) else find_stages(plain)
