"""Every metric of several heads on one backbone: each head's own, its keys prefixed by the head's name."""

from collections.abc import Mapping

from torch import Tensor, nn

from torchheads.decisions import DecisionRule
from torchheads.errors import HeadConfigError
from torchheads.heads import MultiHead
from torchheads.metrics.base import Direction
from torchheads.metrics.head_metrics import HeadMetrics
from torchheads.targets import Target, prefixed


class MultiHeadMetrics(nn.Module):
    """One `HeadMetrics` a head of a `MultiHead`, with the same methods; the first head's watched metric picks epochs.

    Args:
        head: several heads; only their label types and numbers of classes are read here.
        decisions: by head, what to decide by instead of the head's own rule; None, or no entry, for the head's own.

    Example:
        >>> from torchheads import SigmoidHead, SoftmaxHead
        >>> metrics = MultiHeadMetrics(MultiHead({"species": SoftmaxHead(512, 20), "tags": SigmoidHead(512, 5)}))
        >>> metrics.watched, metrics.direction("tags/nll")
        ('species/accuracy', 'min')
    """

    def __init__(self, head: MultiHead, decisions: Mapping[str, DecisionRule] | None = None) -> None:
        super().__init__()
        rules = decisions or {}
        self.by_head = nn.ModuleDict({name: HeadMetrics(part, rules.get(name)) for name, part in head.items()})

    @property
    def parts(self) -> dict[str, HeadMetrics]:
        """The metrics of each head, in the order of the heads."""
        return {name: part for name, part in self.by_head.items() if isinstance(part, HeadMetrics)}

    def update(
        self,
        head: MultiHead,
        logits: Mapping[str, Tensor],
        target: Mapping[str, Target],
        mask: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Take in one batch, each argument by head as `HeadMetrics.update` takes it.

        Raises:
            TargetError: code M17, for a head without a target or a target without a head; and those of `HeadMetrics`.
        """
        head.check_names(target)
        parts = self.parts
        for name, part in head.items():
            parts[name].update(part, logits[name], target[name], (mask or {}).get(name))

    def compute(self) -> dict[str, float]:
        """Every metric of every head over all examples of all ranks, such as "species/accuracy"; a collective call."""
        values = {name: part.compute() for name, part in self.parts.items()}
        return {prefixed(name, key): value for name, part in values.items() for key, value in part.items()}

    def per_class(self) -> dict[str, list[float]]:
        """The tables of all heads one below the other, NaN where a head lacks a column; a collective call."""
        tables = [part.per_class() for part in self.parts.values()]
        columns = list(dict.fromkeys(column for table in tables for column in table))
        missing = float("nan")
        return {
            column: [value for table in tables for value in table.get(column, [missing] * len(table["support"]))]
            for column in columns
        }

    def examples(self) -> int:
        """How many examples of all ranks had a known target for the head that knows most; a collective call."""
        return max(part.examples() for part in self.parts.values())

    def reset(self) -> None:
        """Forget all examples."""
        for part in self.parts.values():
            part.reset()

    @property
    def watched(self) -> str:
        """The metric that picks checkpoints: that of the first head, such as "species/accuracy"."""
        name, part = next(iter(self.parts.items()))
        return prefixed(name, part.watched)

    def direction(self, key: str) -> Direction:
        """Whether the metric is better high (``"max"``) or low (``"min"``).

        Raises:
            HeadConfigError: code H10, for a key that does not begin with the name of a head, or of an unknown metric.
        """
        name, _, rest = key.partition("/")
        parts = self.parts
        if name not in parts:
            problem = f"no head of the metric {key!r}; allowed {', '.join(f'{head}/...' for head in parts)}"
            raise HeadConfigError("H10", problem, self.watched)
        return parts[name].direction(rest)
