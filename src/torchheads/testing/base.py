"""What every check stands on: the head under test, its random inputs, and the register of checks.

n examples, c classes, d features, m = n x spatial positions (rows).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchheads.heads import ClassificationHead
from torchheads.testing.functional import one_line

HeadFactory = Callable[..., ClassificationHead]
"""Makes a head from keyword options: ``ignore_index``, ``prior``, ``soft_targets``, ``class_names``, ``validate``."""

GRID = (0.0, 1e-8, 1.0, 16.7, 17.0, 37.0, 88.0, 89.0, 104.0, 745.0, 6.5e4, 1e30)
"""Where exponentials, their logarithms and float32 begin to fail; taken with either sign."""


@dataclass(frozen=True)
class HeadCase:
    """A way of making heads, with inputs that fit them; the same numbers every time, without touching global state.

    Args:
        factory: makes a head; called with options by some checks.
    """

    factory: HeadFactory

    @cached_property
    def sample(self) -> ClassificationHead:
        """A fresh head, to look at but not to change."""
        return self.factory()

    @property
    def head_class(self) -> type[ClassificationHead]:
        """The class under test."""
        return type(self.sample)

    @property
    def single(self) -> bool:
        """Whether a target is one class index."""
        return self.sample.label_type == "single"

    @property
    def softmax(self) -> bool:
        """Whether classes compete for one unit of probability."""
        return self.sample.criterion.link == "softmax"

    @property
    def num_classes(self) -> int:
        """C."""
        return self.sample.num_classes

    def head(self, seed: int = 0, **options: object) -> ClassificationHead:
        """A head in evaluation mode, its classifier moved away from where it starts and its decision fitted."""
        before, generator = torch.get_rng_state(), torch.Generator().manual_seed(seed)
        torch.default_generator.manual_seed(seed)  # so that a classifier that starts at random starts alike
        try:
            head = self.factory(**options).eval()
        finally:
            torch.set_rng_state(before)
        with torch.no_grad():
            for parameter in head.classifier.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator))
            if not head.decision.fitted:
                logits = 3 * torch.randn(40, head.num_classes, generator=generator)
                head.decision.fit(head.scores(logits), torch.rand(40, head.num_classes, generator=generator) < 0.4)
        return head

    def features(self, count: int = 6, *spatial: int, seed: int = 1) -> Float[Tensor, "n d ..."]:
        """Random features of shape (count, D, *spatial)."""
        return torch.randn(count, self.sample.in_features, *spatial, generator=torch.Generator().manual_seed(seed))

    def logits(self, count: int = 6, *spatial: int, seed: int = 2) -> Float[Tensor, "n c ..."]:
        """Random logits of shape (count, C, *spatial)."""
        return 3 * torch.randn(count, self.num_classes, *spatial, generator=torch.Generator().manual_seed(seed))

    def grid(self) -> Float[Tensor, "n c"]:
        """Logits on the grid: a value in one class alone, in all, and in turn with its opposite; shape (69, C)."""
        values = torch.tensor([*GRID, *(-value for value in GRID[1:])]).unsqueeze(1)
        classes = torch.arange(self.num_classes)
        alone = values.where(torch.arange(len(values)).unsqueeze(1) % self.num_classes == classes, 0)
        return torch.cat([alone, values.expand_as(alone), values * (1 - 2 * (classes % 2))])

    def target(self, count: int = 6, *spatial: int, seed: int = 3) -> Tensor:
        """Random class indices (count, *spatial), or label sets (count, C, *spatial) as numbers, never all empty."""
        generator = torch.Generator().manual_seed(seed)
        if self.single:
            return torch.randint(self.num_classes, (count, *spatial), generator=generator)
        target = (torch.rand(count, self.num_classes, *spatial, generator=generator) < 0.4).float()
        target[:1, :1] = 1
        return target

    def mask(self, kept: Tensor) -> Tensor:
        """A mask that keeps whole examples: (n,) as it is, or spread over the classes, (n, c)."""
        return kept if self.single else kept.unsqueeze(1).expand(len(kept), self.num_classes)


def answers(head: ClassificationHead, logits: Tensor) -> dict[str, Tensor]:
    """All that a head says of logits (N, C, *spatial), by name."""
    with torch.no_grad():
        return {
            "scores": head.scores(logits),
            "probabilities": head.probabilities(logits),
            "predictions": head.predict(logits),
        }


def slopes(value: Tensor, head: nn.Module, *inputs: Tensor) -> dict[str, Tensor]:
    """The gradient of a scalar in each input and each parameter of a head, by name, in their shapes."""
    parameters = {name: value for name, value in head.named_parameters() if value.requires_grad}
    names = [*(f"gradient of input {place}" for place in range(len(inputs))), *(f"gradient of {n}" for n in parameters)]
    wanted = [*inputs, *parameters.values()]
    return dict(zip(names, torch.autograd.grad(value, wanted, materialize_grads=True), strict=True))


# The register ---------------------------------------------------------------------------------------------------------

CheckFunction = Callable[[HeadCase], None]
Condition = Callable[[HeadCase], bool]


@dataclass(frozen=True)
class Promise:
    """What a check looks at, and for which heads it stands."""

    function: CheckFunction
    applies: Condition

    @property
    def text(self) -> str:
        """The promise in one sentence."""
        return " ".join((self.function.__doc__ or "").split())


PROMISES: dict[str, Promise] = {}
"""Every check by name, in the order they are run."""


def always(case: HeadCase) -> bool:
    """For every head."""
    return True


def single(case: HeadCase) -> bool:
    """For heads whose target is one class index."""
    return case.single


def multi(case: HeadCase) -> bool:
    """For heads whose target is a label set."""
    return not case.single


def several_classes(case: HeadCase) -> bool:
    """For heads that do not answer a single yes-or-no question."""
    return case.num_classes > 1


def log_odds(case: HeadCase) -> bool:
    """For heads whose score is the log-odds, not the raw logit."""
    return case.sample.score == "log_odds"


def has_bias(case: HeadCase) -> bool:
    """For heads of several classes whose classifier has a bias that a prior can set."""
    return several_classes(case) and isinstance(getattr(case.sample.classifier, "bias", None), nn.Parameter)


def has_linear_classifier(case: HeadCase) -> bool:
    """For heads whose classifier is linear, so that features may have spatial axes."""
    return isinstance(case.sample.classifier, nn.Linear)


def has_parameters(case: HeadCase) -> bool:
    """For heads that have anything to train."""
    return any(parameter.requires_grad for parameter in case.sample.parameters())


def check(applies: Condition = always) -> Callable[[CheckFunction], CheckFunction]:
    """Enter a function into the register, under its name."""

    def entered(function: CheckFunction) -> CheckFunction:
        PROMISES[function.__name__] = Promise(function, applies)
        return function

    return entered


@dataclass(frozen=True)
class HeadCheck:
    """One promise, held against one head when called without arguments.

    Raises:
        AssertionError: when the promise is not kept: the promise, what was found, and what to do.
    """

    name: str
    promise: Promise
    case: HeadCase

    def __call__(self) -> None:
        """Hold the promise against the head."""
        try:
            self.promise.function(self.case)
        except AssertionError as broken:
            raise AssertionError(f"{self.name}\nsaid: {self.promise.text}\n{broken}") from broken.__cause__
        except Exception as error:
            rest = f"found: {one_line(error)}\n   do: see above where it was raised; a sound head raises nothing here"
            raise AssertionError(f"{self.name}\nsaid: {self.promise.text}\n{rest}") from error

    def __str__(self) -> str:
        """The name, which tests show."""
        return self.name
