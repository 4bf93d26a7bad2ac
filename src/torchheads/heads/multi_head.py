"""Several heads on the same features: each with its own label type, loss and decision, one loss for all of them.

n examples, c classes, d features, m = n x spatial positions (rows).
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.errors import HeadConfigError, TargetError
from torchheads.heads import checks
from torchheads.heads.base import ClassificationHead
from torchheads.heads.objective import RowLosses, known_rows, num_known, weighted_mean
from torchheads.targets import Target


class MultiHead(nn.Module):
    """Heads by name on one backbone, such as a species and its attributes; use one head where there is one question.

        loss = 1/n sum_i sum_h  w_h loss_h(i)

    over the n examples of which any head's target is known; what a head does not know costs nothing. Where everything
    is known this is the weighted sum of the heads' own losses. Logits, targets, masks, scores, probabilities and
    predictions are dicts by head.

    Args:
        heads: heads by name, all of the same ``in_features``; a name has neither "/" nor ".".
        loss_weights: weight of each head's loss, >= 0; 1 for those not named.

    Raises:
        HeadConfigError: code H29, for no head, a bad name, heads of different widths or over chunks of classes, or a
            weight that is negative, not finite or of no head.

    Example:
        >>> from torchheads import SigmoidHead, SoftmaxHead
        >>> head = MultiHead({"species": SoftmaxHead(512, 20), "attributes": SigmoidHead(512, 5)}, {"attributes": 0.5})
        >>> logits = head(torch.randn(8, 512))
        >>> {name: tuple(values.shape) for name, values in logits.items()}
        {'species': (8, 20), 'attributes': (8, 5)}
        >>> target = {"species": torch.arange(8), "attributes": torch.zeros(8, 5)}
        >>> round(head.loss_from_logits(logits, target).item(), 4)  # ln 20 + (5 ln 5/4) / 2
        3.5536

    Source: Caruana (1997), "Multitask learning", section 2.
    """

    def __init__(
        self, heads: Mapping[str, ClassificationHead], loss_weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        check_heads(heads)
        self.heads = nn.ModuleDict(dict(heads))
        for name, head in heads.items():
            head.form.owner = f"{type(head).__name__} {name!r}"  # what errors and warnings call it
        self.loss_weights = check_weights(heads, loss_weights or {})
        self.in_features = next(iter(heads.values())).in_features

    def items(self) -> list[tuple[str, ClassificationHead]]:
        """The heads and their names, in the order given."""
        return [(name, head) for name, head in self.heads.items() if isinstance(head, ClassificationHead)]

    # Training -----------------------------------------------------------------------------------------------------

    def forward(
        self,
        features: Tensor,
        target: Mapping[str, Target] | None = None,
        mask: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """Logits by head, each (N, C, *spatial), of features (N, D, *spatial); their loss when targets are given.

        Raises:
            HeadConfigError: code L03, when the features have not ``in_features`` entries along axis 1.
        """
        logits = {name: head(features) for name, head in self.items()}
        return logits if target is None else self.loss_from_logits(logits, target, mask)

    def loss(
        self, features: Tensor, target: Mapping[str, Target], mask: Mapping[str, Tensor] | None = None
    ) -> Float[Tensor, ""]:
        """Loss in nats, a scalar: the heads' losses, weighted, averaged over the examples of which anything is known.

        Args:
            features: floating point, shape (N, D) or (N, D, *spatial).
            target: by head, as each head takes it.
            mask: by head; a head that is left out knows all of its target.

        Raises:
            TargetError: code M17, for a head without a target or a target without a head; and those of each head.
        """
        self.check_names(target, mask)
        result: Tensor = self(features, target=target, mask=mask)
        return result

    def loss_from_logits(
        self, logits: Mapping[str, Tensor], target: Mapping[str, Target], mask: Mapping[str, Tensor] | None = None
    ) -> Float[Tensor, ""]:
        """As `loss`, for logits by head that are at hand already."""
        parts = self._parts(logits, target, mask)
        loss = weighted_mean(self._sum(list(parts.values())))
        if checks.readable(loss):
            for name, head in self.items():
                if head.validate:
                    known = (mask or {}).get(name)
                    checks.check_loss(head, weighted_mean(parts[name]), logits[name], target[name], known)
        return loss

    def row_losses(
        self, logits: Mapping[str, Tensor], target: Mapping[str, Target], mask: Mapping[str, Tensor] | None = None
    ) -> RowLosses:
        """The weighted sum of the losses of each row, (m,), and its weight in a mean, that of its best-known head.

        Raises:
            TargetError: code M17, for a head without a target or a target without a head; and those of each head.
        """
        return self._sum(list(self._parts(logits, target, mask).values()))

    def _parts(
        self, logits: Mapping[str, Tensor], target: Mapping[str, Target], mask: Mapping[str, Tensor] | None
    ) -> dict[str, RowLosses]:
        """What each head makes of its own logits and target."""
        self.check_names(target, mask, logits)
        known = mask or {}
        return {name: head.row_losses(logits[name], target[name], known.get(name)) for name, head in self.items()}

    def count(self, target: Mapping[str, Target], mask: Mapping[str, Tensor] | None = None) -> int | Tensor:
        """Over how many examples (positions) `loss` averages: those of which any head's target is known."""
        self.check_names(target, mask)
        masks = mask or {}
        return num_known(self._sum([known_rows(head, target[name], masks.get(name)) for name, head in self.items()]))

    def _sum(self, parts: list[RowLosses]) -> RowLosses:
        """The weighted sum of the heads' losses; a row counts as much as in the head that knows it best."""
        if len({part.values.shape for part in parts}) > 1:
            sizes = [len(part.values) for part in parts]
            problem = f"MultiHead got targets of {sizes} examples; allowed as many for each"
            raise TargetError("M17", problem, "one target an example (position) for every head, -1 where it is unknown")
        weighted = [weight * part.values for weight, part in zip(self.loss_weights.values(), parts, strict=True)]
        weights = [part.weight for part in parts if part.weight is not None]
        best = torch.stack(weights).amax(dim=0) if len(weights) == len(parts) else None
        return RowLosses(torch.stack(weighted).sum(dim=0), best)

    # From logits to answers ---------------------------------------------------------------------------------------

    def scores(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Calibrated log-odds by head, each of the shape of its logits."""
        return {name: head.scores(logits[name]) for name, head in self.items()}

    def probabilities(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Probabilities by head, each of the shape of its logits."""
        return {name: head.probabilities(logits[name]) for name, head in self.items()}

    def predict(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Decisions by head: class indices or label sets.

        Raises:
            FitError: code F01, when a head's decision rule must be fitted first.
        """
        return {name: head.predict(logits[name]) for name, head in self.items()}

    def fit_held_out(
        self, logits: Mapping[str, Tensor], target: Mapping[str, Target], mask: Mapping[str, Tensor] | None = None
    ) -> None:
        """Fit each head's calibrator, decision and guarantee on rows that training has not seen."""
        self.check_names(target, mask, logits)
        for name, head in self.items():
            head.fit_held_out(logits[name], target[name], (mask or {}).get(name))

    # Where training starts ----------------------------------------------------------------------------------------

    @property
    def awaits_prior(self) -> bool:
        """Whether a head still needs its class frequencies from the train split (``prior="data"``)."""
        return any(head.awaits_prior for _, head in self.items())

    def set_prior(self, prior: Mapping[str, Any]) -> None:
        """Give each head that awaits one its prior, by name."""
        for name, head in self.items():
            if head.awaits_prior:
                head.set_prior(prior[name])

    def reset_parameters(self) -> None:
        """Start every head afresh."""
        for _, head in self.items():
            head.reset_parameters()

    def extra_repr(self) -> str:
        """The weights of the losses."""
        return f"loss_weights={self.loss_weights}"

    def check_names(self, target: object, mask: object = None, logits: object = None) -> None:
        """Refuse targets or logits that are not one a head, and masks of no head, before anything is computed; M17."""
        names = set(self.heads)
        for what, given, needed in (("targets", target, names), ("logits", logits, names), ("masks", mask, set[str]())):
            if given is None and what != "targets":
                continue
            if not isinstance(given, Mapping) or not needed <= set(given) <= names:
                came = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
                problem = f"MultiHead got {what} {came}; allowed a dict of one a head: {', '.join(self.heads)}"
                raise TargetError("M17", problem, "{" + ", ".join(f'"{name}": ...' for name in self.heads) + "}")


def named_heads(head: ClassificationHead | MultiHead) -> dict[str, ClassificationHead]:
    """The heads by name, as their logits and targets are; one head alone stands under the empty name.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> list(named_heads(SoftmaxHead(512, 20))), list(named_heads(MultiHead({"species": SoftmaxHead(512, 20)})))
        ([''], ['species'])
    """
    return dict(head.items()) if isinstance(head, MultiHead) else {"": head}


def check_heads(heads: Mapping[str, ClassificationHead]) -> None:
    """Refuse no head, bad names and heads of different widths; code H29."""
    problem = "" if isinstance(heads, Mapping) and heads else f"MultiHead got {heads!r:.60}; allowed a dict of heads"
    for name, head in heads.items() if not problem else ():
        if not isinstance(head, ClassificationHead):
            problem = f"head {name!r} is a {type(head).__name__}; allowed a SoftmaxHead or a SigmoidHead"
        elif not isinstance(name, str) or not name or not set(name).isdisjoint("/."):
            problem = f"MultiHead got a head named {name!r}; allowed names without '/' and '.'"
        elif hasattr(nn.ModuleDict, name) or name == "training":
            problem = f"MultiHead got a head named {name!r}, which modules need for themselves; allowed other names"
        elif head.path == "chunked":
            problem = f"head {name!r} has path='chunked'; allowed 'auto', 'dense' beside other heads"
    if problem:
        remedy = 'MultiHead({"species": SoftmaxHead(512, 20), "tags": SigmoidHead(512, 5)})'
        raise HeadConfigError("H29", problem, remedy)
    widths = {name: head.in_features for name, head in heads.items() if isinstance(head, ClassificationHead)}
    if len(set(widths.values())) > 1:
        problem = f"MultiHead got heads of in_features {widths}; allowed one width for all"
        raise HeadConfigError("H29", problem, "a layer that brings the features to one width")


def check_weights(heads: Mapping[str, ClassificationHead], weights: Mapping[str, float]) -> dict[str, float]:
    """One weight a head, 1 where none is given; code H29 for one that is negative, not finite or of no head."""
    if not isinstance(weights, Mapping):
        problem = f"loss_weights={weights!r:.60}; allowed a dict of one weight a head"
        raise HeadConfigError("H29", problem, f"loss_weights={{{next(iter(heads))!r}: 1.0}}")
    for name, weight in weights.items():
        if name not in heads:
            problem = f"loss_weights names {name!r}; allowed {', '.join(heads)}"
            raise HeadConfigError("H29", problem, f"loss_weights={{{next(iter(heads))!r}: 1.0}}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            problem = f"loss_weights[{name!r}]={weight!r}; allowed a finite number >= 0"
            raise HeadConfigError("H29", problem, f"loss_weights={{{name!r}: 1.0}}")
    return {name: float(weights.get(name, 1.0)) for name in heads}
