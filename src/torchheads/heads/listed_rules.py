"""What each decision rule makes of scores that come a chunk of classes at a time: label lists.

n examples, c classes, k of them asked for, w classes of one chunk.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from torchheads.decisions import Argmax, FittedThreshold, Threshold, TopK
from torchheads.heads.chunked_scores import Chunks, ranked_scores
from torchheads.linear.ranking import Leaders
from torchheads.targets import LabelLists


class Listed(NamedTuple):
    """Labels row by row in no order: example ``rows[i]`` has the label ``labels[i]``."""

    rows: list[Tensor]
    labels: list[Tensor]

    def add(self, chosen: Bool[Tensor, "n w"], indices: Tensor) -> None:
        """Take in a mask (n, w) of chosen classes, whose indices are (w,) or (n, w)."""
        rows, columns = chosen.nonzero(as_tuple=True)
        self.rows.append(rows)
        self.labels.append(indices[columns] if indices.ndim == 1 else indices[rows, columns])

    def lists(self, chunks: Chunks) -> LabelLists:
        """The labels of all processes as lists; those that came twice once."""
        count, num_classes, part = chunks.linear.rows, chunks.num_classes, chunks.part
        none = torch.zeros(0, dtype=torch.int64, device=chunks.linear.features.device)  # a process without classes
        rows, labels = (part.gather(torch.cat([none, *parts]), 0) for parts in self)
        order = rows.argsort(stable=True)
        sizes = torch.bincount(rows, minlength=count)
        return LabelLists(labels[order], torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), num_classes)


def best_lists(chunks: Chunks, rule: Argmax | TopK) -> LabelLists:
    """The best classes, those that reach the rule's cut where it has one."""
    scores, indices = ranked_scores(chunks, rule.k if isinstance(rule, TopK) else 1)
    chosen = torch.ones_like(indices, dtype=torch.bool)
    if rule.cut is not None:
        chosen = scores >= rule.cut.expand(chunks.num_classes)[indices]
    return _listed(chunks, chosen, indices)


def lists_above(chunks: Chunks, rule: Threshold | FittedThreshold) -> LabelLists:
    """Every class whose score reaches its cut."""
    listed = Listed([], [])
    for classes, scores in chunks.scores():
        listed.add(scores >= rule.cut[classes], torch.arange(classes.start, classes.stop, device=scores.device))
    return listed.lists(chunks)


def limited_lists(chunks: Chunks, rule: FittedThreshold) -> LabelLists:
    """As `lists_above`, within the rule's limits of a set's size."""
    least, most = rule.min_labels, rule.max_labels
    if least == 0 and most is None:
        return lists_above(chunks, rule)
    listed, leaders = Listed([], []), Leaders(least if most is None else most, chunks.linear)
    for classes, scores in chunks.scores():
        if most is None:
            listed.add(scores >= rule.cut[classes], torch.arange(classes.start, classes.stop, device=scores.device))
        leaders.add(scores - rule.cut[classes], classes)
    margins, indices = leaders.of_all(chunks.part)
    nearest = torch.arange(margins.shape[1], device=margins.device) < least
    listed.add(nearest | (margins >= 0), indices)
    return listed.lists(chunks)


def _listed(chunks: Chunks, chosen: Bool[Tensor, "n k"], indices: Tensor) -> LabelLists:
    listed = Listed([], [])
    listed.add(chosen, indices)
    return listed.lists(chunks)


RULES: dict[type, Any] = {
    Argmax: best_lists,
    TopK: best_lists,
    Threshold: lists_above,
    FittedThreshold: limited_lists,
}
"""How the sets of each rule are listed."""
