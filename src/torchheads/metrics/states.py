"""What the suites add up and collect: torchmetrics states that keep their precision and know ranks without rows.

n examples, c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor, nn
from torchmetrics import Metric

UNKNOWN = 2
"""What stands in a `RankTable` for an entry of which it is not known whether the label is right."""


class PinnedMetric(Metric, ABC):
    """A torchmetrics state whose dtype nothing changes; devices change as usual.

    torchmetrics ignores ``.half()`` but not ``.to(torch.float16)``, which Lightning's true-precision modes call.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__(compute_with_cache=False)

    @abstractmethod
    def settle(self) -> None:
        """Make the state fit for gathering, also on a rank that never had a row."""

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        """Let ``fn`` move the states but not cast them."""

        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        return super()._apply(move, exclude_state)


class Totals(PinnedMetric):
    """Named sums over examples, added over batches and ranks; use `RankTable` where a metric needs every row.

    Args:
        zeros: the empty sum of each name: any shape, int64 for counts, float64 for everything else.

    Example:
        >>> totals = Totals(examples=torch.zeros((), dtype=torch.int64))
        >>> totals.update(examples=torch.tensor(3))
        >>> totals.total("examples")
        tensor(3., dtype=torch.float64)
    """

    def __init__(self, **zeros: Tensor) -> None:
        super().__init__()
        for name, zero in zeros.items():
            self.add_state(name, zero, dist_reduce_fx="sum")

    def update(self, **increments: Tensor) -> None:
        """Add each increment to the sum of its name."""
        for name, increment in increments.items():
            # Not in place: a state that was reset under inference mode could not be added to outside of it.
            setattr(self, name, getattr(self, name) + increment.to(self.device))

    def settle(self) -> None:
        """Nothing to do: a sum of no rows is zero."""

    def total(self, name: str) -> Float64[Tensor, "..."]:
        """The sum of that name as float64 (exact for counts up to 2**53)."""
        state: Tensor = getattr(self, name)
        return state.double()

    def compute(self) -> dict[str, Tensor]:
        """All sums by name; as `total`, but torchmetrics gathers before and copies after."""
        return {name: getattr(self, name) for name in self._defaults}


class RankTable(PinnedMetric):
    """The rank keys and targets of all rows, held once for all rank metrics; nine bytes an entry, known or not.

    Args:
        num_classes: number of classes C.

    Example:
        >>> table = RankTable(num_classes=2)
        >>> table.update(torch.rand(3, 2, dtype=torch.float64), torch.zeros(3, 2, dtype=torch.uint8))
        >>> table.settle()
        >>> table.rows()[0].shape
        torch.Size([3, 2])
    """

    keys: list[Tensor] | Tensor
    target: list[Tensor] | Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("keys", [], dist_reduce_fx="cat")
        self.add_state("target", [], dist_reduce_fx="cat")

    def update(self, keys: Float64[Tensor, "n c"], target: UInt8[Tensor, "n c"]) -> None:
        """Append rows of keys (n, c) and their target (n, c): 1 where the label is right, 0 where not, or `UNKNOWN`."""
        self._parts("keys").append(keys.to(self.device))
        self._parts("target").append(target.to(self.device))

    def settle(self) -> None:
        """Join the batches into one tensor each, so that the rows are held once.

        A rank without rows gets an empty (0, C) table of the right dtypes: without it, torchmetrics gathers a float32
        vector from that rank, which ends the process or gives wrong rows.
        """
        if not self._parts("keys"):
            empty = torch.zeros(0, self.num_classes, dtype=torch.uint8, device=self.device)
            self.update(empty.double(), empty)
        for name in ("keys", "target"):
            parts = self._parts(name)
            if len(parts) > 1:
                setattr(self, name, [torch.cat(parts)])

    def rows(self) -> tuple[Float64[Tensor, "n c"], UInt8[Tensor, "n c"]]:
        """Keys and target of all rows, of all ranks inside ``sync_context``; call `settle` first."""
        return self._table("keys"), self._table("target")

    def compute(self) -> tuple[Float64[Tensor, "n c"], UInt8[Tensor, "n c"]]:
        """As `rows`, but torchmetrics gathers before and copies after."""
        return self.rows()

    def _parts(self, name: str) -> list[Any]:
        """The batches collected so far."""
        parts: list[Any] = getattr(self, name)
        return parts

    def _table(self, name: str) -> Tensor:
        """The settled rows: a list of one tensor, or the tensor that gathering leaves."""
        state: Tensor | list[Tensor] = getattr(self, name)
        return state if isinstance(state, Tensor) else state[0]
