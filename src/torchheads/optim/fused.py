"""Optimizers whose step is one of torch's fused kernels where all weights are on the CPU.

On the CPU torch goes through the weights operation by operation unless it is told to fuse: six times as long for the
11 million weights of a resnet18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Fused(torch.optim.Optimizer):
    """Before an optimizer of torch among the bases: what a fused kernel needs and does not look after itself.

    It walks through memory, so a weight, its gradient and what is kept for it must lie there alike. It would also
    divide by the scale of a loss, which there is none of on a CPU, and Lightning clips no gradient of what does.
    """

    def __init__(self, params: Iterable[Any], fused: bool, **options: Any) -> None:
        super().__init__(params, fused=fused or None, **options)  # type: ignore[call-arg]
        if fused:
            self._step_supports_amp_scaling = False

    @property
    def aligns(self) -> bool:
        """Whether the kernel is fused, after unpickling too."""
        return bool(self.defaults["fused"])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """As torch's; lays out anew what lies in memory otherwise than its weight, as after a change of format."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.aligns:
            for parameter in (parameter for group in self.param_groups for parameter in group["params"]):
                if parameter.grad is not None:
                    self._align(parameter)
        step: Any = super().step.__func__  # type: ignore[attr-defined]
        # torch wraps hooks around the step of a class when it first makes one: those around this one are enough
        (step.__wrapped__ if getattr(step, "hooked", False) else step)(self)
        return loss

    @torch.no_grad()
    def _align(self, parameter: Tensor) -> None:
        strides, state = parameter.stride(), self.state.get(parameter, {})
        if parameter.grad is not None and parameter.grad.stride() != strides:
            parameter.grad = torch.empty_like(parameter).copy_(parameter.grad)
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != strides:
                state[name] = torch.empty_like(parameter).copy_(value)


class AdamW(Fused, torch.optim.AdamW):
    """torch's AdamW without its search for an accelerator at each step where all weights are on the CPU.

    It asks whether a CUDA graph is being captured. A build of torch for CUDA on a machine without the driver tries to
    load it each time, for 0.07 to 0.15 ms: as long as a step of a small model.
    """

    def _accelerator_graph_capture_health_check(self) -> None:
        if not on_cpu(self.param_groups):
            super()._accelerator_graph_capture_health_check()

    def _cuda_graph_capture_health_check(self) -> None:  # its name before torch 2.12
        if not on_cpu(self.param_groups):
            super()._cuda_graph_capture_health_check()


class SGD(Fused, torch.optim.SGD):
    """torch's SGD."""


def can_fuse(module: nn.Module, groups: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a fused kernel can take the steps of a module's parameter groups, and is to: all on the CPU, and dense.

    Example:
        >>> linear = nn.Linear(2, 3)
        >>> can_fuse(linear, [{"params": linear.parameters()}])
        True
        >>> can_fuse(linear, [{"params": [torch.zeros(4, 4)[:, :2]]}])  # which has gaps in memory
        False
    """
    parameters = [parameter for group in groups for parameter in group["params"]]
    if any(getattr(part, "sparse", False) for part in module.modules()):
        return False
    return on_cpu(groups) and all(parameter.is_floating_point() and is_dense(parameter) for parameter in parameters)


def is_dense(parameter: Tensor) -> bool:
    """Whether a tensor fills its memory without gaps and without a number in two places, in whatever order."""
    if type(parameter.data) is not Tensor or parameter.layout is not torch.strided:
        return False  # a sharded or quantised one has memory of its own kind
    sizes = sorted((stride, size) for stride, size in zip(parameter.stride(), parameter.shape, strict=True) if size > 1)
    expected = 1
    for stride, size in sizes:
        if stride != expected:
            return False
        expected *= size
    return True


def on_cpu(groups: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all parameters of an optimizer's groups are on the CPU.

    Example:
        >>> on_cpu([{"params": [torch.zeros(2)]}]), on_cpu([{"params": [torch.zeros(2, device="meta")]}])
        (True, False)
    """
    return all(parameter.is_cpu for group in groups for parameter in group["params"])
