"""A head whose classes are shared out over processes, each of which holds the weights of its own.

n examples, c classes, d features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from torchheads.errors import HeadConfigError
from torchheads.heads.base import ClassificationHead
from torchheads.heads.chunked import obstacle_of_classifier, obstacle_of_criterion

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


def shard_classes(head: ClassificationHead, mesh: DeviceMesh) -> None:
    """Leave each process of a mesh the weights of C / W classes of a head: for classifiers too large for one.

    Weight, bias, their gradients and what an optimizer keeps of them become ``DTensor``s sharded along the classes,
    which ``torch.distributed.checkpoint`` saves, and loads on any number of processes. ``head.loss`` is then the loss
    over all classes, the same on every process, and so are `torchheads.predict_lists` and `torchheads.best_classes`:
    call them on all processes, with the same features and target. Logits of all classes are never there:
    ``head(features)``, what is made of it, and dense losses are refused (H28).

    Args:
        head: the same on every process, with a plain ``nn.Linear`` and a criterion that has chunks; changed in place.
            Set priors before, and optimizers up afterwards.
        mesh: of one dimension.

    Raises:
        HeadConfigError: code H28, for a head whose loss needs all logits at once.

    Example:
        >>> from torch.distributed import init_device_mesh
        >>> shard_classes(head, init_device_mesh("cpu", (4,)))  # doctest: +SKIP

    Source: Shoeybi et al. (2019), arXiv:1909.08053, section 3.
    """
    from torch.distributed.tensor import Shard, distribute_tensor

    if obstacle := obstacle_of_classifier(head) or obstacle_of_criterion(head):
        problem = f"classes shared out over processes with {obstacle}"
        raise HeadConfigError("H28", problem, "one of those allowed, or all classes on every process")
    classifier: Any = head.classifier
    for name, parameter in list(classifier.named_parameters()):
        shared = distribute_tensor(parameter.detach(), mesh, [Shard(0)])
        setattr(classifier, name, nn.Parameter(shared, requires_grad=parameter.requires_grad))
    head.path, head.may_take_chunks = "chunked", True
    head.register_forward_pre_hook(refuse_logits, with_kwargs=True)


def refuse_logits(head: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Before the head is called: let its loss pass, which comes with a target, and nothing else.

    Raises:
        HeadConfigError: code H28.
    """
    if options.get("target") is None:
        problem = "the logits of all classes, which are shared out over processes"
        raise HeadConfigError("H28", problem, "predict_lists(head, features), best_classes(head, features, k=5)")
