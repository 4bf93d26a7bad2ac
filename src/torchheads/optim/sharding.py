"""Weights, gradients and optimizer states shared out over ranks, so that each rank holds its part of them (FSDP)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from torchheads.backbones import Backbone
from torchheads.errors import HeadConfigError

CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


def share_weights(backbone: nn.Module, head: nn.Module, mesh: DeviceMesh) -> None:
    """Leave each rank its part of the weights of a backbone and a head, which are changed in place; once.

    For models whose weights, gradients and optimizer states are too large for one device; DDP, which keeps all of them
    on every rank, talks less. Each of `blocks`, the rest of the backbone, and the head are put together for their own
    pass alone. Gradients are averaged over ranks as DDP does it. As there, evaluation uses the running statistics of
    batch norm of rank 0.

    Args:
        backbone: called as a whole, with the same weights on every rank.
        head: as the backbone. Outside its forward pass nothing can use its weights.
        mesh: whose ranks all take part, whatever its dimensions.

    Raises:
        HeadConfigError: code H25, for weights that something else has shared out.

    Source: Zhao et al. 2023, PyTorch FSDP, arXiv:2304.11277, section 3.
    """
    if is_shared(head):
        return
    if any(isinstance(parameter, DTensor) for part in (backbone, head) for parameter in part.parameters()):
        problem = "trainer=fsdp with weights that are shared out already, as shard_classes does it"
        raise HeadConfigError("H25", problem, "one of the two")
    ranks = init_device_mesh(mesh.device_type, (mesh.size(),))
    for part in (*blocks(backbone), backbone, head):
        make_contiguous(part)
        name = type(part).__name__
        fully_shard(part, mesh=ranks, reshard_after_forward=True)  # after an evaluation too
        type(part).__name__ = name  # of the class it came in: results and summaries name a head by it
    backbone.register_forward_pre_hook(take_buffers)


def blocks(backbone: nn.Module) -> Iterator[nn.Module]:
    """The stages of a backbone whose weights are in one module of several layers, such as ``layer1`` of a ResNet.

    Example:
        >>> from torchheads.backbones import Cnn, TorchvisionBackbone
        >>> len(list(blocks(TorchvisionBackbone((3, 32, 32), name="resnet18")))), len(list(blocks(Cnn((1, 8, 8)))))
        (4, 0)
    """
    for stage in backbone.stages() if isinstance(backbone, Backbone) else ():
        trained = [child for child in stage.children() if any(True for _ in child.parameters())]
        if len(trained) == 1 and not isinstance(trained[0], CONTAINERS) and any(trained[0].children()):
            yield trained[0]


def make_contiguous(module: nn.Module) -> None:
    """Lay kernels out in torch's usual order, since FSDP refuses channels-last ones; shapes and values stay.

    Example:
        >>> kernels = nn.Conv2d(3, 2, 3).to(memory_format=torch.channels_last)
        >>> make_contiguous(kernels)
        >>> kernels.weight.is_contiguous()
        True
    """
    for parameter in module.parameters():
        if not isinstance(parameter, DTensor):
            parameter.data = parameter.data.contiguous()


def is_shared(module: nn.Module) -> bool:
    """Whether `share_weights` was here.

    Example:
        >>> is_shared(nn.Linear(3, 2))
        False
    """
    return any(isinstance(part, FSDPModule) for part in module.modules())


@torch.compiler.disable  # type: ignore[untyped-decorator]
@torch.no_grad()
def take_buffers(backbone: nn.Module, inputs: Any) -> None:
    """A hook before a forward pass: outside training, the buffers of rank 0; every rank must come by."""
    if not backbone.training:
        for buffer in backbone.buffers():
            torch.distributed.broadcast(buffer, src=0)


def load_weights(module: nn.Module, state: Mapping[str, Any]) -> None:
    """As ``module.load_state_dict``, also where the weights of the module are shared out and those of the state whole.

    Args:
        module: changed in place.
        state: all weights, on every rank.
    """
    if not is_shared(module):
        module.load_state_dict(state)
    else:
        set_model_state_dict(module, dict(state), options=StateDictOptions(full_state_dict=True))
