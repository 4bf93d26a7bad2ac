"""The head that judges every class alone.

n examples, c classes, d features, m = n x spatial positions (rows).
"""

import torch
from torch import Tensor

from torchheads.decisions import Argmax, Threshold
from torchheads.heads.base import ClassificationHead
from torchheads.links import SIGMOID
from torchheads.losses import BinaryCrossEntropy


class SigmoidHead(ClassificationHead):
    """Sigmoid and binary cross-entropy: use it when several classes, or none, may be right. Sibling: `SoftmaxHead`.

        logits z = W h + b,    p_c = 1 / (1 + exp(-z_c)),    score_c = z_c,    decision: p_c >= 0.5

    On single-label data (``label_type="single"``) every class is trained against the rest on the one-hot target, and
    the decision is argmax. ``num_classes=1`` is the yes-or-no question, with a target of shape (N, 1).

    Args:
        in_features: width D of the features, shape (N, D) or (N, D, *spatial).
        num_classes: number of classes C, at least 1.
        label_type: "multi" (the default): multi-hot targets of shape (N, C, *spatial), bool, integer or floating point;
            "single": class indices of shape (N, *spatial).
        prior: how often each class is right, which sets the bias a fresh head starts from: None (1/C; 0.5 at C=1), one
            number or one a class in (0, 1), "data" (from the train split when fitting starts) or "zero" (no bias).
        ignore_index: target value that marks what is unknown, such as -1.
        soft_targets: accept entries anywhere in [0, 1].
        score: "log_odds", which for a sigmoid is the logit itself, or "logit".
        classifier: module that maps features to logits; None for ``nn.Linear`` with zero weights. ``nn.Identity()``
            for a model that ends in logits. A module given keeps its weights, and its bias unless a prior is named.
        criterion: `torchheads.losses.BinaryCrossEntropy` if None.
        calibrator: a map of logits fitted on held-out data; none if None.
        guarantee: sets of classes with a promise, fitted on held-out data; none if None.
        decision: `Threshold` at 0.5 if None; on single-label data `Argmax`.
        class_names: one name a class; "0", "1", ... if None.
        path: "auto" (the default) puts the loss together a chunk of classes at a time where the logits of all would be
            large, "dense" never, "chunked" always; see `torchheads.heads.chunked`.
        validate: check the values of targets and of the loss on the CPU.

    Raises:
        HeadConfigError: for options that do not fit together.

    Example:
        >>> head = SigmoidHead(in_features=512, num_classes=20)
        >>> loss = head.loss(torch.randn(8, 512), torch.ones(8, 20))
        >>> round(loss.item(), 4)  # 20 ln 20, since every class starts at 1/20
        59.9146

    Source: Cox (1958), "The regression analysis of binary sequences"; prior bias: Lin et al. (2017), arXiv:1708.02002,
        section 3.3.
    """

    link = SIGMOID
    natural_label_type = "multi"
    natural_criterion = BinaryCrossEntropy
    natural_decision = {"single": Argmax, "multi": Threshold}
    default_decision = natural_decision

    def criterion_target(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """Label sets (m, c) as they are; class indices (m,) as one-hot rows."""
        return self.form.multi_hot(values, dtype)
