"""A process's part of a classifier whose classes are shared out over processes, and what these tell each other.

n examples, c classes of all processes, l labels.
"""

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from jaxtyping import Float, Int64
from torch import Tensor, distributed

from torchheads.linear.functional import check_labels
from torchheads.linear.partition import Partition
from torchheads.targets import LabelLists

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


class Part(Protocol):
    """What a loss asks of the part of all classes that it is given: `Whole` or a `Shard` of them."""

    @property
    def num_classes(self) -> int:
        """Number of all classes."""

    @property
    def first(self) -> int:
        """The part's first class."""

    def own(self, target: Int64[Tensor, "n"] | LabelLists) -> Int64[Tensor, "n"] | LabelLists:
        """The labels of the part's classes, counted from its first one."""

    def add_up(self, *values: Float[Tensor, "..."]) -> None:
        """Replace each tensor by the sum of those of all parts."""

    def meet(self, partition: Partition) -> None:
        """Make of the partition of the part's classes that of all classes."""

    def gather(self, values: Tensor, dim: int) -> Tensor:
        """The values of all parts one after the other, as many along one dimension as each has."""


class Whole(NamedTuple):
    """All classes in one process, which has nobody to ask."""

    num_classes: int
    first: int = 0

    def own(self, target: Int64[Tensor, "n"] | LabelLists) -> Int64[Tensor, "n"] | LabelLists:
        """All labels."""
        return target

    def add_up(self, *values: Float[Tensor, "..."]) -> None:
        """Nothing to do."""

    def meet(self, partition: Partition) -> None:
        """Nothing to do."""

    def gather(self, values: Tensor, dim: int) -> Tensor:
        """The values as they are."""
        return values


class Shard(NamedTuple):
    """The classes ``start`` to ``stop`` of ``num_classes``, in a group whose processes hold the others.

    Every process of the group has the same examples. The losses of this room take a shard beside the weights of its own
    classes: what they return is the loss over all classes, the same in every process, and so is the gradient of the
    features; the gradient of the weights is that of the process's own. Nothing of size c or (n, c) is ever sent: a
    softmax sends four numbers an example, a sigmoid one in all, and both the gradient of the features (n, d).

    Args:
        start: first class.
        stop: the class after the last.
        num_classes: C.
        group: the processes.

    Source: Shoeybi et al. (2019), arXiv:1909.08053, section 3, for a sharded softmax.
    """

    start: int
    stop: int
    num_classes: int
    group: "ProcessGroup"

    @property
    def first(self) -> int:
        """As ``start``."""
        return self.start

    def own(self, target: Int64[Tensor, "n"] | LabelLists) -> LabelLists:
        """The labels of this process's classes, counted from its first one.

        Raises:
            TargetError: codes T01, T02 for a class index outside 0..C-1.
        """
        if isinstance(target, Tensor):
            check_labels(target, torch.arange(len(target), device=target.device), self.num_classes)
            target = LabelLists(target, torch.arange(len(target) + 1, device=target.device), self.num_classes)
        check_labels(target.indices, target.example, self.num_classes)
        mine = (target.indices >= self.start) & (target.indices < self.stop)
        sizes = torch.bincount(target.example[mine], minlength=len(target))
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        return LabelLists(target.indices[mine] - self.start, offsets, max(self.stop - self.start, 1))

    def add_up(self, *values: Float[Tensor, "..."]) -> None:
        """Replace each tensor by the sum of those of all processes."""
        for value in values:
            distributed.all_reduce(value, group=self.group)

    def meet(self, partition: Partition) -> None:
        """Make of the partition of this process's classes that of all classes."""
        top = partition.top.clone()
        distributed.all_reduce(top, distributed.ReduceOp.MAX, group=self.group)
        partition.total *= (partition.top - top).exp()
        partition.top = top
        self.add_up(partition.total)

    def gather(self, values: Tensor, dim: int) -> Tensor:
        """The values of all processes in the order of their classes, as many along one dimension as each has."""
        size = torch.tensor([values.shape[dim]], device=values.device)
        sizes = [torch.empty_like(size) for _ in range(distributed.get_world_size(self.group))]
        distributed.all_gather(sizes, size, group=self.group)
        most = max(int(each) for each in sizes)
        padding = values.new_zeros(*values.shape[:dim], most - int(size), *values.shape[dim + 1 :])
        padded = torch.cat([values, padding], dim).contiguous()
        found = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(found, padded, group=self.group)
        return torch.cat([part.narrow(dim, 0, int(each)) for part, each in zip(found, sizes, strict=True)], dim)
