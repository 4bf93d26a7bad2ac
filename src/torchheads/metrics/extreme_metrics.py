"""The metrics of extreme classification, added up over batches and ranks.

n examples, c classes, k ranks.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from torchheads.buffers import ExactBuffers
from torchheads.errors import HeadConfigError, TargetError
from torchheads.metrics.extreme import (
    best_gain,
    best_weighted_hits,
    discounts,
    hits,
    ndcg_at,
    precision_at,
    recall_at,
    weighted_hits,
)
from torchheads.metrics.states import Totals
from torchheads.targets import LabelLists


class ExtremeMetrics(ExactBuffers, nn.Module):
    """Precision, nDCG and recall at a few ranks, and both propensity-scored ones; no array of all classes is needed.

    Feed it the best classes of each batch, such as those of `torchheads.best_classes`. Up to some thousand classes the
    suites of `torchheads.metrics` say more. Precision is a mean over all examples; nDCG and recall over those with
    labels, whose number is ``labelled``. The propensity-scored ones are shares of the best that any ranking of the same
    examples reaches,

        PSP@k = sum_i sum_{r <= k} y_ir / p_ir  /  the same of the best ranking

    and PSnDCG@k as it, with discounts, each example by its largest gain without propensities.

    Args:
        num_classes: number of classes C.
        ks: how many of the best classes to look at.
        inverse_propensity: shape (c,), from `torchheads.metrics.extreme.inverse_propensity`; None leaves the
            propensity-scored ones out.

    Raises:
        HeadConfigError: code H39, for ranks or propensities that cannot be.

    Example:
        >>> metrics = ExtremeMetrics(num_classes=9, ks=(1, 2))
        >>> metrics.update(torch.tensor([[4, 7]]), LabelLists.from_lists([[7]], num_classes=9))
        >>> metrics.compute()["precision_at_2"]
        0.5

    Source: Jain, Prabhu and Varma (2016), section 5, and the conventions of the extreme classification repository.
    """

    weight: Tensor | None

    def __init__(
        self,
        num_classes: int,
        ks: Sequence[int] = (1, 3, 5),
        inverse_propensity: Float[Tensor, "c"] | None = None,
    ) -> None:
        super().__init__()
        self.num_classes, self.ks = num_classes, tuple(sorted(ks))
        if not self.ks or not all(isinstance(k, int) and 1 <= k <= num_classes for k in self.ks):
            raise HeadConfigError("H39", f"ks={tuple(ks)}; allowed whole numbers in 1..{num_classes}", "ks=(1, 3, 5)")
        if inverse_propensity is not None and inverse_propensity.shape != (num_classes,):
            problem = f"inverse_propensity of shape {tuple(inverse_propensity.shape)}; allowed ({num_classes},)"
            raise HeadConfigError("H39", problem, "inverse_propensity(counts, examples)")
        self.register_buffer("weight", inverse_propensity, persistent=False)
        whole, each = torch.zeros((), dtype=torch.int64), torch.zeros(len(self.ks), dtype=torch.float64)
        names = ("precision", "ndcg", "recall", "psp", "best_psp", "psndcg", "best_psndcg")
        self.totals = Totals(examples=whole, labelled=whole, **dict.fromkeys(names, each))

    @torch.no_grad()
    def update(self, indices: Int64[Tensor, "n k"], target: LabelLists) -> None:
        """Take in one batch.

        Args:
            indices: the best classes of each example, best first, shape (n, k), at least as many as the largest of
                ``ks``; -1 where a rule names fewer.
            target: their labels.

        Raises:
            TargetError: code M06, for another number of examples or classes, or too few ranks.
        """
        if target.shape != (len(indices), self.num_classes) or indices.shape[1] < self.ks[-1]:
            problem = f"indices of shape {tuple(indices.shape)} for {target!r}"
            allowed = f"allowed (N, >= {self.ks[-1]}) for lists of N examples and {self.num_classes} classes"
            raise TargetError("M06", f"{problem}; {allowed}", f"best_classes(head, features, k={self.ks[-1]})")
        right, sizes = hits(indices, target), target.sizes
        labelled = sizes > 0
        sums = {
            "precision": [precision_at(right, k).sum() for k in self.ks],
            "ndcg": [ndcg_at(right, sizes, k)[labelled].sum() for k in self.ks],
            "recall": [recall_at(right, sizes, k)[labelled].sum() for k in self.ks],
        }
        if self.weight is not None:
            reached = weighted_hits(right, indices, self.weight)[labelled]
            best = best_weighted_hits(target, self.weight, self.ks[-1])[labelled]
            sums |= self._weighted(reached, sizes[labelled], "") | self._weighted(best, sizes[labelled], "best_")
        self.totals.update(
            examples=torch.tensor(len(indices)),
            labelled=labelled.sum(),
            **{name: torch.stack(values) for name, values in sums.items()},
        )

    def _weighted(
        self, gains: Float64[Tensor, "n k"], sizes: Int64[Tensor, "n"], prefix: str
    ) -> dict[str, list[Tensor]]:
        """What examples add to the sums of both propensity-scored metrics."""
        cut = [gains[:, :k] for k in self.ks]
        ranks = [discounts(k, gains.device) for k in self.ks]
        return {
            f"{prefix}psp": [part.sum() / k for part, k in zip(cut, self.ks, strict=True)],
            f"{prefix}psndcg": [
                ((part * rank).sum(dim=1) / best_gain(sizes, k)).sum()
                for part, rank, k in zip(cut, ranks, self.ks, strict=True)
            ],
        }

    def compute(self) -> dict[str, float]:
        """Every metric over all examples of all ranks, and ``labelled``; a collective call. NaN where undefined."""
        with self.totals.sync_context():
            total = self.totals.total
            examples, labelled = total("examples"), total("labelled")
            columns = {
                "precision": total("precision") / examples,
                "ndcg": total("ndcg") / labelled,
                "recall": total("recall") / labelled,
            }
            if self.weight is not None:
                columns["propensity_precision"] = total("psp") / total("best_psp")
                columns["propensity_ndcg"] = total("psndcg") / total("best_psndcg")
        named = {
            f"{name}_at_{k}": float(column[place]) for name, column in columns.items() for place, k in self._ranks()
        }
        return {**named, "labelled": float(labelled)}

    def _ranks(self) -> list[tuple[int, int]]:
        return list(enumerate(self.ks))

    def reset(self) -> None:
        """Forget all examples."""
        self.totals.reset()

    def extra_repr(self) -> str:
        """The constructor's arguments."""
        return f"num_classes={self.num_classes}, ks={self.ks}, propensities={self.weight is not None}"
