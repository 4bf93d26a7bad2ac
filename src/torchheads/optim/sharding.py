"""Weights, gradients and optimizer states shared out over ranks, so that each rank holds its part of them (FSDP)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor

from torchheads.backbones import Backbone


def share_weights(backbone: nn.Module, head: nn.Module, mesh: DeviceMesh) -> None:
    """Leave each rank its part of the weights of a backbone and a head; once, a second call does nothing.

    A stage of the backbone that is one block, the rest of the backbone, and the head are each put together for their
    own pass alone. Gradients are averaged over ranks, as DDP does it, and evaluation uses the running statistics of
    batch norm of rank 0, as there.

    Args:
        backbone: called as a whole; changed in place.
        head: the same on every rank; changed in place.
        mesh: whose ranks all take part, whatever its dimensions.

    Source: Zhao et al. 2023, PyTorch FSDP, arXiv:2304.11277, section 3.
    """
    from torch.distributed.fsdp import fully_shard  # which costs a second to import

    if is_shared(head):
        return
    ranks = init_device_mesh(mesh.device_type, (mesh.size(),))
    for part in (*blocks(backbone), backbone, head):
        name = type(part).__name__
        for parameter in part.parameters():
            if not isinstance(parameter, DTensor):  # channels last, which FSDP refuses
                parameter.data = parameter.data.contiguous()
        fully_shard(part, mesh=ranks, reshard_after_forward=True)  # also after evaluation, so that it stays shared
        type(part).__name__ = name  # of the class that it was given; results and summaries name a head by it
    backbone.register_forward_pre_hook(take_buffers)


def blocks(backbone: nn.Module) -> Iterator[nn.Module]:
    """The stages of a backbone that are one block with a forward pass, such as ``layer1`` of a ResNet."""
    containers = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
    for stage in backbone.stages() if isinstance(backbone, Backbone) else []:
        children = list(stage.children())
        if len(children) == 1 and not isinstance(children[0], containers) and next(children[0].children(), None):
            yield children[0]


def is_shared(module: nn.Module) -> bool:
    """Whether `share_weights` was here.

    Example:
        >>> is_shared(nn.Linear(3, 2))
        False
    """
    return any(isinstance(parameter, DTensor) for parameter in module.parameters())


@torch.compiler.disable  # type: ignore[untyped-decorator]
@torch.no_grad()
def take_buffers(backbone: nn.Module, inputs: Any) -> None:
    """Before a pass that is no training: the running statistics of rank 0."""
    if not backbone.training:
        for buffer in backbone.buffers():
            torch.distributed.broadcast(buffer, src=0)


def load_weights(module: nn.Module, state: Mapping[str, Any]) -> None:
    """As ``module.load_state_dict``, also where the weights are shared out and the state dict is whole.

    Args:
        module: changed in place.
        state: everything, on every rank.
    """
    if not is_shared(module):
        module.load_state_dict(state)
        return
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    set_model_state_dict(module, dict(state), options=StateDictOptions(full_state_dict=True))
