"""What judges a head: its metrics, and the decision it answers with before anything is fitted."""

from torchheads.decisions import DecisionRule
from torchheads.heads import ClassificationHead
from torchheads.metrics.head_metrics import HeadMetrics


def head_metrics(head: ClassificationHead, decision: DecisionRule | None = None) -> HeadMetrics:
    """The metrics of a head, empty: the one line a training loop needs, whatever the head.

    Args:
        head: any head.
        decision: what to decide by instead of the head's own rule, ready to use; None for the head's own.

    Example:
        >>> from torchheads import SigmoidHead
        >>> head_metrics(SigmoidHead(512, 20)).watched
        'mean_average_precision'
    """
    return HeadMetrics(head, decision)


def default_decision(head: ClassificationHead) -> DecisionRule:
    """The rule a head of this kind answers with on its label type when nothing was chosen or fitted, ready to use.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> default_decision(SoftmaxHead(512, 20, label_type="multi"))
        Threshold(value=0.5, space='probability')
    """
    rule = head.default_decision[head.label_type]()
    rule.bind(head.num_classes)
    return rule
