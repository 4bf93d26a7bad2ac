"""Batch mixing: every example of a training batch mixed with another one of it, input and target alike.

b examples of a batch, ch channels, h height, w width. A mix is a function of (seed, epoch, number of the batch).
"""

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from torchheads.data.batch import Batch, rows_of
from torchheads.data.functional.keyed import Stream, keyed_integers, keyed_uniform
from torchheads.data.functional.mixing import keyed_partners, replaced_run, symmetric_beta
from torchheads.errors import DataError
from torchheads.targets import MixedTarget, each


class Mixing(ABC):
    """Maps a batch to a batch of the same size whose target is a `MixedTarget`; a child says how inputs mix.

    One share for the whole batch, from Beta(alpha, alpha); the partners are a permutation of the batch, so that each
    example is first and second once. An entry of a mask is known where it is known of both: half a label would be
    learned as a whole one.

    Args:
        alpha: parameter of the distribution of the share, > 0: near 0 hardly anything is mixed, at 1 every share is
            equally likely.

    Raises:
        DataError: code D32 for an alpha that is not above 0 or not finite; on mixing D33 for an input that cannot be.
    """

    def __init__(self, alpha: float) -> None:
        number = isinstance(alpha, int | float) and not isinstance(alpha, bool)
        if not (number and 0 < alpha < math.inf):
            raise DataError("D32", f"mix.alpha={alpha!r:.60}; allowed a number above 0", "mix.alpha=1.0")
        self.alpha = alpha

    def __call__(self, batch: Batch, seed: int, epoch: int, number: int) -> Batch:
        """Mix a batch.

        Args:
            batch: input (B, ...) of floating point, on any device; target and mask also by task.
            seed: seed of the run.
            epoch: epoch of the run.
            number: number of the batch within the epoch.

        Returns:
            The batch with mixed input, the input's dtype and device, and target; the row ids are those of the first
            halves.
        """
        self.check(batch.input)
        partner = keyed_partners(len(batch.input), seed, epoch, number, batch.input.device)
        radius, angle = keyed_uniform(
            seed, epoch, Stream.MIX_SHARE, torch.tensor([2 * number, 2 * number + 1])
        ).tolist()
        key = (seed, epoch, number)
        mixed, share = self.mix(batch.input, partner, symmetric_beta(self.alpha, radius, angle), key)
        target = each(lambda values: MixedTarget(values, rows_of(values, partner), share), batch.target)
        mask = each(lambda known: known & known[partner], batch.mask)
        return batch._replace(input=mixed, target=target, mask=mask)

    def check(self, input: Tensor) -> None:
        """Refuse an input that cannot be mixed; code D33."""
        if not input.is_floating_point():
            problem = f"{type(self).__name__} got an input of dtype {str(input.dtype).removeprefix('torch.')}"
            raise DataError("D33", f"{problem}; allowed floating point", "batch._replace(input=batch.input.float())")

    @abstractmethod
    def mix(
        self, input: Float[Tensor, "b ..."], partner: Int64[Tensor, "b"], share: float, key: tuple[int, int, int]
    ) -> tuple[Float[Tensor, "b ..."], float]:
        """The inputs, each mixed with its partner's, and the share of its own that is left.

        Args:
            input: shape (B, ...), floating point.
            partner: with which example each one is mixed, shape (B,), int64.
            share: in [0, 1], the share to keep.
            key: (seed, epoch, number of the batch) of whatever else is drawn.
        """

    def __repr__(self) -> str:
        """The constructor."""
        return f"{type(self).__name__}(alpha={self.alpha})"


@final
class Mixup(Mixing):
    """The weighted mean of two inputs, of images and of features; `CutMix` keeps every pixel real.

        input = share x + (1 - share) x',    loss = share loss(y) + (1 - share) loss(y')

    Example:
        >>> batch = Batch(torch.tensor([[0.0], [8.0]]), torch.tensor([0, 1]), torch.tensor([5, 6]))
        >>> mixed = Mixup(alpha=1.0)(batch, seed=0, epoch=0, number=0)
        >>> bool(mixed.input.sum() == 8), mixed.index.tolist()
        (True, [5, 6])

    Source: Zhang et al. (2018), "mixup: Beyond Empirical Risk Minimization", arXiv:1710.09412, section 2.
    """

    def mix(
        self, input: Float[Tensor, "b ..."], partner: Int64[Tensor, "b"], share: float, key: tuple[int, int, int]
    ) -> tuple[Float[Tensor, "b ..."], float]:
        """As `Mixing.mix`; a share of 1 leaves every bit as it is."""
        return torch.lerp(input[partner], input, share), share


@final
class CutMix(Mixing):
    """A box of each image is that of another image; `Mixup` blends whole inputs, and takes features as well.

    The box has the image's proportions and ``1 - share`` of its area; its centre is anywhere in the image, and what
    lies outside is cut off. The share of the loss is the area kept, counted in pixels.

    Example:
        >>> images = torch.tensor([0.0, 8.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
        >>> mixed = CutMix(alpha=1.0)(Batch(images, torch.tensor([0, 1]), torch.tensor([5, 6])), 0, 0, number=1)
        >>> sorted(mixed.input.unique().tolist())
        [0.0, 8.0]

    Source: Yun et al. (2019), "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
        arXiv:1905.04899, equations 1 and 2.
    """

    def check(self, input: Tensor) -> None:
        """As `Mixing.check`; refuses what has no height and width, too."""
        super().check(input)
        if input.ndim != 4:
            problem = f"CutMix got an input of shape {tuple(input.shape)}; allowed images (B, channels, height, width)"
            raise DataError("D33", problem, "mix=mixup")

    def mix(
        self, input: Float[Tensor, "b ch h w"], partner: Int64[Tensor, "b"], share: float, key: tuple[int, int, int]
    ) -> tuple[Float[Tensor, "b ch h w"], float]:
        """As `Mixing.mix`; the share returned is the share of pixels kept."""
        height, width = input.shape[-2:]
        seed, epoch, number = key
        sides = [int(length * math.sqrt(1 - share)) for length in (height, width)]
        centres = [
            int(keyed_integers(seed, epoch, stream, torch.tensor(number), length))
            for stream, length in ((Stream.MIX_TOP, height), (Stream.MIX_LEFT, width))
        ]
        down, across = map(replaced_run, (height, width), sides, centres)
        mixed = input.clone()
        mixed[..., down, across] = input[partner][..., down, across]
        return mixed, 1 - (down.stop - down.start) * (across.stop - across.start) / (height * width)
