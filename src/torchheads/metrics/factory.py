"""What judges a head: its metrics, and the decision it answers with before anything is fitted."""

from typing import Any

from torchheads.decisions import DecisionRule
from torchheads.heads import ClassificationHead, MultiHead
from torchheads.metrics.head_metrics import HeadMetrics
from torchheads.metrics.multi_head_metrics import MultiHeadMetrics


def head_metrics(head: ClassificationHead | MultiHead, decision: Any = None) -> HeadMetrics | MultiHeadMetrics:
    """The metrics of a head, empty: the one line a training loop needs, whatever the head, one or several.

    Args:
        head: any head, or a `MultiHead`.
        decision: what to decide by instead of the head's own rule, ready to use; a dict by head for several heads, as
            `default_decision` gives it. None for the head's own.

    Example:
        >>> from torchheads import SigmoidHead
        >>> head_metrics(SigmoidHead(512, 20)).watched
        'mean_average_precision'
    """
    return MultiHeadMetrics(head, decision) if isinstance(head, MultiHead) else HeadMetrics(head, decision)


def default_decision(head: ClassificationHead | MultiHead) -> Any:
    """The rule a head of this kind answers with on its label type when nothing was chosen or fitted, ready to use.

    Returns:
        A `DecisionRule`; for a `MultiHead` a dict of them by head.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> default_decision(SoftmaxHead(512, 20, label_type="multi"))
        Threshold(value=0.5, space='probability')
    """
    if isinstance(head, MultiHead):
        return {name: _default(part) for name, part in head.items()}
    return _default(head)


def _default(head: ClassificationHead) -> DecisionRule:
    rule = head.default_decision[head.label_type]()
    rule.bind(head.num_classes)
    return rule
