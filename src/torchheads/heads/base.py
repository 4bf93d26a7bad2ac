"""The contract of every head: features in; logits, loss, scores, probabilities and predictions out.

n examples, c classes, d features, m = n x spatial positions (rows).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.calibration import Calibrator, Identity
from torchheads.decisions import DecisionRule
from torchheads.guarantees import Guarantee
from torchheads.heads import checks, chunked, held_out, objective, parts, starting
from torchheads.heads.description import described
from torchheads.heads.functional import full_precision
from torchheads.heads.objective import RowLosses
from torchheads.linear import WeightStep
from torchheads.links import Link
from torchheads.losses import Criterion
from torchheads.shapes import check_logits, classify, rows, unrows
from torchheads.targets import LabelType, Target, target_form

Prior = float | Sequence[float] | Tensor | Literal["data", "zero"] | None


class ClassificationHead(nn.Module, ABC):
    """The last layer of a classifier with everything that follows from its link function.

    Abstract; use `torchheads.SoftmaxHead` or `torchheads.SigmoidHead`, whose docstrings explain the arguments. A new
    head names its parts, the class attributes below, and says what form of a target its criteria want.
    """

    link: ClassVar[Link]
    natural_label_type: ClassVar[LabelType]
    natural_criterion: ClassVar[type[Criterion]]
    natural_decision: ClassVar[dict[str, type[DecisionRule]]]
    default_decision: ClassVar[dict[str, type[DecisionRule]]]  # what the head answers with before anything is fitted
    min_classes: ClassVar[int] = 1
    weight_step: WeightStep | None = None  # see `torchheads.heads.chunked.step_in_backward`

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        label_type: LabelType | None = None,
        prior: Prior = None,
        ignore_index: int | None = None,
        soft_targets: bool = False,
        score: Literal["log_odds", "logit"] = "log_odds",
        classifier: nn.Module | None = None,
        criterion: Criterion | None = None,
        calibrator: Calibrator | None = None,
        decision: DecisionRule | None = None,
        guarantee: Guarantee | None = None,
        class_names: Sequence[str] | None = None,
        path: chunked.Path = "auto",
        validate: bool = True,
    ) -> None:
        super().__init__()
        self.label_type = self.natural_label_type if label_type is None else label_type
        self.prior = prior
        self._awaits_prior = False  # True until set_prior, where the train split gives the prior
        checks.check_construction(self, in_features, num_classes, score, class_names)
        self.in_features, self.num_classes = int(in_features), int(num_classes)
        self.score = score
        self.path = path
        self.may_take_chunks = chunked.may_take_chunks(path, self.num_classes)
        self.validate = validate
        self.probability_batches = 0  # batches that looked like probabilities; -1 once one did not
        self.class_names = tuple(class_names or map(str, range(num_classes)))
        self.form = target_form(self.label_type, num_classes, ignore_index, type(self).__name__, soft=soft_targets)
        self.criterion = self.natural_criterion() if criterion is None else criterion
        self.calibrator = Identity() if calibrator is None else calibrator
        self.decision = self.natural_decision[self.label_type]() if decision is None else decision
        self.guarantee = guarantee
        self._own_classifier = classifier is None
        self.classifier = nn.Linear(in_features, num_classes) if classifier is None else classifier
        parts.bind_parts(self)
        self.reset_parameters()

    @abstractmethod
    def criterion_target(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        """Row values of a target, (m,) or (m, c), in the form the head's criteria want."""

    def score_rows(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Log-odds of calibrated logits, both of shape (m, c)."""
        return self.link.scores(logits)

    def probability_rows(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Probabilities of calibrated logits, both of shape (m, c)."""
        return self.link.probabilities(logits)

    def might_be_probabilities(self, logits: Float[Tensor, "m c"]) -> bool:
        """Whether logits of shape (m, c) look as if the link had been applied already: all in [0, 1]."""
        lowest, highest = logits.aminmax()
        return lowest.item() >= 0 and highest.item() <= 1

    # Training -----------------------------------------------------------------------------------------------------

    def forward(self, features: Tensor, target: Target | None = None, mask: Tensor | None = None) -> Tensor:
        """Logits (N, C, *spatial) of features (N, D, *spatial); their loss, a scalar, when a target is given.

        Raises:
            HeadConfigError: code L03, when the features have not ``in_features`` entries along axis 1.
        """
        if self.may_take_chunks and target is not None and chunked.takes_chunks(self, features, target, mask):
            return chunked.chunked_loss(self, features, target, mask)
        logits = classify(self._modules["classifier"], features, self.in_features)  # type: ignore[arg-type]  # saves 0.5 us
        return logits if target is None else objective.mean_loss(self, logits, target, mask)

    def loss(self, features: Tensor, target: Target, mask: Tensor | None = None) -> Float[Tensor, ""]:
        """Loss in nats: summed over classes, averaged over the examples (positions) that are known.

        It calls the head itself, ``head(features, target=target)``, so hooks, compilation and wrappers see it.

        Args:
            features: floating point, shape (N, D) or (N, D, *spatial).
            target: class indices of shape (N, *spatial) for label type "single", a multi-hot of shape
                (N, C, *spatial) or `LabelLists` for "multi"; or a `MixedTarget` of two of these.
            mask: bool of the target's shape (of (N, *spatial) for distributions, (N,) for lists), False where the
                target is unknown.

        Returns:
            A scalar; 0 with zero gradient when nothing is known.

        Raises:
            TargetError, DataError: when type, form, shape, dtype or range of the target do not fit.
            NonFiniteError: codes L01, L02, when the loss is NaN or infinite (checked on the CPU).
        """
        if target is None:
            checks.refuse_no_target(self)
        result: Tensor = self(features, target=target) if mask is None else self(features, target=target, mask=mask)
        return result

    def loss_from_logits(self, logits: Tensor, target: Target, mask: Tensor | None = None) -> Float[Tensor, ""]:
        """As `loss`, for logits of shape (N, C, *spatial) that are at hand already.

        Raises:
            LogitsError: code L04, when the logits have not the head's shape.
            TargetError, DataError, NonFiniteError: as in `loss`.
        """
        return objective.mean_loss(self, logits, target, mask)

    def row_losses(self, logits: Tensor, target: Target, mask: Tensor | None = None) -> RowLosses:
        """The loss before its mean: ``values`` (N * spatial,) in nats, and ``weight`` of each row in the mean or None.

        ``values.sum() / weight.sum()`` is `loss_from_logits`; sums over batches and processes give their common mean.
        """
        return objective.row_losses(self, logits, target, mask, self.criterion)

    def count(self, target: Target, mask: Tensor | None = None) -> int | Tensor:
        """Over how many examples (positions) `loss` averages: the weight of this batch in any larger mean."""
        return objective.count_known(self, target, mask)

    @torch.no_grad()
    def nll(self, logits: Tensor, target: Target, mask: Tensor | None = None) -> Float[Tensor, "m"]:
        """Negative log-likelihood of each example (position) in nats, shape (N * spatial,): the unweighted loss."""
        calibrated = unrows(self.calibrated(logits), like=logits)
        return objective.row_losses(self, calibrated, target, mask, self.natural_criterion()).values

    # From logits to answers ---------------------------------------------------------------------------------------

    def calibrated(self, logits: Tensor) -> Float[Tensor, "m c"]:
        """Calibrated logits as rows of shape (m, c), float32 or more under autocast too; code L04 for other shapes."""
        check_logits(logits, self.num_classes)
        with torch.autocast("cpu" if logits.is_meta else logits.device.type, enabled=False):
            result: Tensor = self.calibrator(full_precision(rows(logits)))
        return result

    def _scores(self, logits: Tensor) -> Float[Tensor, "m c"]:
        calibrated = self.calibrated(logits)
        return calibrated if self.score == "logit" else self.score_rows(calibrated)

    def scores(self, logits: Tensor) -> Tensor:
        """Calibrated log-odds of each class, shape of the logits: what thresholds and rank metrics read."""
        return unrows(self._scores(logits), like=logits)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probability of each class, shape of the logits, float32 (float64 for float64 logits)."""
        return unrows(self.probability_rows(self.calibrated(logits)), like=logits)

    def predict(self, logits: Tensor) -> Tensor:
        """The decision: class indices (N, *spatial) or sets, a bool of the logits' shape; F01 before it is fitted."""
        predictions: Tensor = self.decision(self._scores(logits))
        if predictions.ndim == 2:
            return unrows(predictions, like=logits)
        return predictions.reshape(logits.shape[0], *logits.shape[2:])

    def prediction_set(self, logits: Tensor) -> Tensor:
        """The classes that the guarantee holds possible, a bool of the logits' shape; code F01 before it is fitted."""
        return unrows(parts.find_guarantee(self)(self._scores(logits)), like=logits)

    def abstained(self, logits: Tensor) -> Tensor:
        """Which examples (positions) the decision does not answer, a bool of shape (N, *spatial)."""
        return self.decision.abstains(self._scores(logits)).reshape(logits.shape[0], *logits.shape[2:])

    @property
    def fitted(self) -> bool:
        """Whether calibrator, decision and guarantee are ready; what has nothing to learn always is."""
        return parts.all_fitted(self)

    def fit_held_out(self, logits: Tensor, target: Target, mask: Tensor | None = None) -> None:
        """Fit calibrator, decision and guarantee, in this order, on rows that training has not seen.

        Args:
            logits: shape (N, C, *spatial), of a held-out split.
            target: as `loss` takes it, hard and unmixed.
            mask: as `loss` takes it.

        Raises:
            FitError: codes F02 and F03, when the rows do not do; and those of the parts.
        """
        held_out.fit(self, logits, target, mask)

    # Where training starts ----------------------------------------------------------------------------------------

    def reset_parameters(self) -> None:
        """Start afresh at zero weights and the bias of the prior; a user's classifier keeps what no prior names."""
        starting.reset(self)

    @property
    def awaits_prior(self) -> bool:
        """Whether the train split is to give the prior: never over weights that were loaded or learned."""
        return self._awaits_prior and not (self._own_classifier and checks.has_content(self.classifier.weight))

    def set_prior(self, prior: float | Sequence[float] | Tensor) -> None:
        """Set the bias to the constant logits that minimise the head's own criterion under the prior.

        Args:
            prior: how often each class is right, in (0, 1): one number, or one a class, shape (C,).

        Raises:
            HeadConfigError: code H20 (the prior) or H21 (a classifier without a bias).
        """
        starting.set_prior(self, prior)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]
        if checks.holds(state_dict, f"{prefix}classifier.", self.classifier):
            self._awaits_prior = False  # a loaded state is never overwritten by a prior

    def extra_repr(self) -> str:
        """The constructor's arguments that are not the default, the label type and whether the decision is fitted."""
        return described(self)
