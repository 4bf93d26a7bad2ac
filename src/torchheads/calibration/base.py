"""What a head asks of its calibrator: logits in, better calibrated logits out.

m rows (examples or positions), c classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from torchheads.buffers import ExactBuffers, constant, mark_fitted, take_numbers
from torchheads.calibration.functional import HeldOut, chunks, group_nll
from torchheads.errors import FitError, HeadConfigError
from torchheads.fitting import CALIBRATE
from torchheads.links import SOFTMAX, Link


class Calibrator(ExactBuffers, nn.Module, ABC):
    """A map of logits, fitted on held-out data, that makes probabilities honest; shape (m, c) in and out.

    Training does not see it. What is learned are buffers, which are saved and loaded with the head. A child that learns
    something names its buffers by `hold`, implements `fit`, which ends in `keep`, and begins `forward` with
    `check_fitted`. ``is_fitted`` is True once it may be used; ``learned`` (c,) is False for classes whose logits stay
    as they are.
    """

    link: Link = SOFTMAX  # of the head that took the calibrator
    num_classes: int = 0
    passes_on: bool = False  # within `before_the_fit`: an unfitted map leaves logits as they are instead of refusing

    is_fitted: Tensor
    learned: Tensor
    kind: Tensor

    @property
    def fitted(self) -> bool:
        """Whether the map may be used; True for one that has nothing to fit."""
        is_fitted = self._buffers.get("is_fitted")
        return is_fitted is None or (not is_fitted.is_meta and bool(is_fitted))

    @property
    def meaning(self) -> str:
        """What the learned numbers are of, beside the class: the head's link."""
        return self.link.name

    @property
    def kept_identity(self) -> tuple[int, ...]:
        """The classes a fit left as they are: there was nothing to learn for them, or nothing to gain."""
        if self._buffers.get("learned") is None or not self.fitted:
            return ()
        return tuple((~self.learned).nonzero().flatten().tolist())

    def bind(self, num_classes: int, link: Link) -> None:
        """Learn the number of classes and the link function; called once by the head that takes the calibrator.

        Raises:
            HeadConfigError: code H24, when it serves a head of other classes or another link already.
        """
        if self.num_classes and (self.num_classes, self.link.name) != (
            num_classes,
            link.name,
        ):  # a copy has its own link
            name, there = type(self).__name__, f"a {self.link.name} head of {self.num_classes} classes"
            problem = f"this {name} serves {there}, not a {link.name} head of {num_classes}"
            raise HeadConfigError("H24", problem, f"a {name}() of its own for each head")
        self.num_classes, self.link = num_classes, link

    def fit(
        self, logits: Float[Tensor, "m c"], target: Bool[Tensor, "m c"], known: Bool[Tensor, "m c"] | None = None
    ) -> None:
        """Learn from held-out logits (m, c) and label sets (m, c); ``known`` is False where a label is not known.

        The negative log-likelihood of these rows never rises: where it would, the logits stay as they are.
        """

    @abstractmethod
    def forward(self, logits: Float[Tensor, "m c"]) -> Float[Tensor, "m c"]:
        """Calibrated logits, shape (m, c)."""

    # For children that learn ----------------------------------------------------------------------------------------

    def hold(self, **numbers: Tensor) -> None:
        """Register the buffers of a map that waits for data: ``is_fitted``, ``learned`` and those named, (c, ...) each.

        Nothing is learned yet, so that the map would be the identity. A fitted map keeps what it has.
        """
        if self.fitted and "is_fitted" in self._buffers:
            return
        flags = {"is_fitted": constant(False, torch.bool), "learned": constant([False] * self.num_classes, torch.bool)}
        for name, value in {**flags, "kind": constant(0, torch.int64), **numbers}.items():
            self.register_buffer(name, value)

    def keep(self, rows: HeldOut, learned: Tensor, groups: int, **numbers: Tensor) -> None:
        """Take over what was learned, but only where the rows it was learned from do not get worse by it.

        Args:
            rows: the rows of the fit.
            learned: which classes have a map of their own, shape (c,).
            groups: 1 where the map is kept or dropped as a whole, C where class by class.
            numbers: new values of the buffers, by name.
        """
        for name, value in {**numbers, "learned": learned}.items():
            buffer = self._buffers[name]
            setattr(self, name, value.detach().to(buffer))  # type: ignore[arg-type]
        mark_fitted(self)
        change = torch.zeros(groups, dtype=torch.float64, device="cpu")
        for piece in chunks(rows):
            logits = piece.logits.to(self.is_fitted.device)
            before, after = (group_nll(self.link, each, piece, groups) for each in (logits, self(logits)))
            change += (after - before).cpu()
        self.learned = self.learned & (change <= 0).to(self.learned.device)  # False too where it is NaN

    def keep_logits(self) -> None:
        """Count as fitted without having learned anything: every class keeps its logits."""
        mark_fitted(self)
        self.learned = torch.zeros_like(self.learned)

    def check_fitted(self) -> None:
        """Refuse to be used before `fit`; code F01. Not looked at where the map is compiled or exported."""
        if not torch.compiler.is_compiling() and not self.passes_on and not self.fitted:
            problem = f"{type(self).__name__} was not fitted yet, so there are no calibrated logits"
            remedy = f"head.fit_held_out(logits, target) on held-out data, {CALIBRATE}, or calibration=identity"
            raise FitError("F01", problem, remedy)

    def extra_repr(self) -> str:
        """Whether fitted, and the classes that keep their logits."""
        if "is_fitted" not in self._buffers or not self.fitted:
            return "" if "is_fitted" not in self._buffers else "not fitted"
        kept = self.kept_identity
        if not kept:
            return "fitted"
        named = "every class" if len(kept) == len(self.learned) else f"{len(kept)} of {len(self.learned)} classes"
        return f"fitted, identity kept for {named}" + (f": {kept[:10]}" if len(kept) < len(self.learned) else "")

    # State ------------------------------------------------------------------------------------------------------------

    def make_room(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Give buffers whose size depends on the fit the size of those about to be loaded; nothing to do for most."""

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_numbers(self, state_dict, prefix, keep_own=False)
        self.make_room(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)  # type: ignore[no-untyped-call]


@contextmanager
def before_the_fit(module: nn.Module) -> Iterator[None]:
    """Let the calibrators of a module that wait for their fit leave logits as they are, where they would refuse.

    For what is judged while a model is being trained: its calibrator is fitted afterwards.

    Args:
        module: a head, or what holds heads.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> from torchheads.calibration import Temperature
        >>> head = SoftmaxHead(4, 2, calibrator=Temperature())
        >>> with before_the_fit(head):
        ...     head.probabilities(torch.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """
    waiting = [part for part in module.modules() if isinstance(part, Calibrator) and not part.fitted]
    try:
        for part in waiting:
            part.passes_on = True
        yield
    finally:
        for part in waiting:
            part.passes_on = False
