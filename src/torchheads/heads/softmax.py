"""The head whose classes compete.

n examples, c classes, d features, m = n x spatial positions (rows).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from torchheads.decisions import Argmax, FittedThreshold, Threshold
from torchheads.heads.base import ClassificationHead
from torchheads.links import SOFTMAX
from torchheads.losses import CrossEntropy


class SoftmaxHead(ClassificationHead):
    """Softmax and cross-entropy: use it when exactly one class is right. Its sibling is `SigmoidHead`.

        logits z = W h + b,    p_c = exp(z_c) / sum_j exp(z_j),    score_c = logit(p_c),    decision: argmax

    On label sets (``label_type="multi"``) it is trained against the uniform distribution over each set's labels, and
    decides by a threshold fitted on held-out data; an empty set contributes no loss.

    Args:
        in_features: width D of the features, shape (N, D) or (N, D, *spatial).
        num_classes: number of classes C, at least 2.
        label_type: "single" (the default): targets are class indices of shape (N, *spatial);
            "multi": multi-hot targets of shape (N, C, *spatial).
        prior: how often each class is right, which sets the bias a fresh head starts from: None (uniform), one number
            or one a class in (0, 1), "data" (from the train split when fitting starts) or "zero" (no bias).
        ignore_index: target value that marks what is unknown, such as -1 or 255.
        soft_targets: accept distributions over classes, shape (N, C, *spatial), instead of class indices.
        score: "log_odds" of the softmax, or "logit" for the raw output, whose arbitrary shift per row then enters
            thresholds and rankings (for studies).
        classifier: module that maps features to logits; None for ``nn.Linear`` with zero weights. ``nn.Identity()``
            for a model that ends in logits. A module given keeps its weights, and its bias unless a prior is named.
        criterion: `torchheads.losses.CrossEntropy` if None.
        calibrator: a map of logits fitted on held-out data; none if None.
        guarantee: sets of classes with a promise, fitted on held-out data; none if None.
        decision: `Argmax` if None; on label sets a `FittedThreshold`.
        class_names: one name a class; "0", "1", ... if None.
        path: "auto" (the default) puts the loss together a chunk of classes at a time where the logits of all would be
            large, "dense" never, "chunked" always; see `torchheads.heads.chunked`.
        validate: check the values of targets and of the loss on the CPU.

    Raises:
        HeadConfigError: for options that do not fit together.

    Example:
        >>> head = SoftmaxHead(in_features=512, num_classes=20)
        >>> round(head.loss(torch.randn(8, 512), torch.arange(8)).item(), 4)  # ln 20, since every class starts equal
        2.9957

    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".
    """

    link = SOFTMAX
    natural_label_type = "single"
    natural_criterion = CrossEntropy
    natural_decision = {"single": Argmax, "multi": FittedThreshold}
    default_decision = {"single": Argmax, "multi": Threshold}
    min_classes = 2

    def criterion_target(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """Class indices (m,) as they are; label sets (m, c) as the uniform distribution over their labels."""
        return values if values.ndim == 1 else self.form.distribution(values, dtype)

    def might_be_probabilities(self, logits: Float[Tensor, "m c"]) -> bool:
        """Whether logits of shape (m, c) are all in [0, 1] and each row sums to 1."""
        return super().might_be_probabilities(logits) and bool(((logits.sum(dim=1) - 1).abs() < 1e-3).all())
