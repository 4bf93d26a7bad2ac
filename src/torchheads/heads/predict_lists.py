"""What a head answers when its classes are so many that their scores are never all there.

n examples, d features, c classes, k of them asked for.
"""

import torch
from torch import Tensor

from torchheads.errors import FitError
from torchheads.heads.base import ClassificationHead
from torchheads.heads.chunked_scores import Chunks, ranked_scores, refusal
from torchheads.heads.listed_rules import RULES
from torchheads.linear import Ranked
from torchheads.linear.ranking import check_count
from torchheads.targets import LabelLists


@torch.no_grad()
def predict_lists(head: ClassificationHead, features: Tensor) -> LabelLists:
    """What ``head.predict(head(features))`` says, as lists, without the logits of all classes at once.

    Use it where (n, c) logits do not fit; `best_classes` gives the scores of the first few too. A rule that looks at
    the best classes alone takes one pass over them, thresholds on a softmax two: its scores need the sum over all
    classes first. A row of an `Argmax` is a list of one class, or of none where it is rejected.

    Args:
        head: with a plain ``nn.Linear`` and the decision `Argmax`, `TopK`, `Threshold` or `FittedThreshold`.
        features: floating point, shape (n, d).

    Returns:
        Labels of the n rows.

    Raises:
        HeadConfigError: code H28, for what needs all classes at once: another rule or classifier, a calibrator other
            than `Temperature`, positions of pictures; L03 for features of another width.
        FitError: code F01, for a rule or calibrator that was not fitted yet.
        LogitsError: code L04, for features of another dtype than the classifier.

    Example:
        >>> from torchheads import SigmoidHead, TopK
        >>> head = SigmoidHead(1, 4, decision=TopK(k=2))
        >>> head.set_prior([0.1, 0.2, 0.4, 0.3])  # a fresh head knows nothing but its prior
        >>> predict_lists(head, torch.ones(1, 1)).tolist()
        [[2, 3]]
    """
    rule = head.decision
    if type(rule) not in RULES:
        allowed = ", ".join(kind.__name__ for kind in RULES)
        raise refusal(f"the decision {type(rule).__name__}; allowed {allowed}", "decision=top_k, or smaller batches")
    chunks = Chunks(head, features)
    if not rule.fitted:
        problem = f"{type(rule).__name__} was not fitted yet, so there is no decision"
        raise FitError("F01", problem, "head.fit_held_out(logits, target) on held-out data")
    with torch.autocast(features.device.type, enabled=False):
        lists: LabelLists = RULES[type(rule)](chunks, rule)
    return lists


@torch.no_grad()
def best_classes(head: ClassificationHead, features: Tensor, k: int) -> Ranked:
    """The k classes with the largest scores of each row, best first, without the scores of all classes at once.

    For metrics of many classes, such as `torchheads.metrics.ExtremeMetrics`. The order is that of the calibrated
    logits, which is that of the scores wherever these can be told apart; the lowest index comes first among equals.

    Args:
        head: with a plain ``nn.Linear``; its decision is not looked at.
        features: floating point, shape (n, d).
        k: how many classes, 1..C.

    Returns:
        Scores, the calibrated log-odds, and class indices, both of shape (n, k).

    Raises:
        HeadConfigError: code H28 as in `predict_lists`; H03 for k outside 1..C.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> best_classes(SoftmaxHead(8, 4), torch.randn(1, 8), k=2)  # logit(1/4) = -ln 3
        Ranked(values=tensor([[-1.0986, -1.0986]]), indices=tensor([[0, 1]]))
    """
    check_count(k, head.num_classes)
    chunks = Chunks(head, features)
    with torch.autocast(features.device.type, enabled=False):
        return ranked_scores(chunks, k)
