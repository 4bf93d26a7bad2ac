"""What a training split says about its pixels and its classes.

n examples, c classes, ch channels, h height, w width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor


class Moments(NamedTuple):
    """Mean and standard deviation of each channel, shape (channels, 1, 1), float32."""

    mean: Float[Tensor, "ch 1 1"]
    deviation: Float[Tensor, "ch 1 1"]

    def to(self, device: torch.device) -> "Moments":
        """The same numbers on another device."""
        return Moments(self.mean.to(device), self.deviation.to(device))


def channel_moments(images: Shaped[Tensor, "n ch h w"]) -> Moments:
    """Mean and standard deviation of every channel over all images and pixels, computed in float64.

    A channel that never changes gets the deviation 1, so that standardising it gives zeros.

    Example:
        >>> channel_moments(torch.tensor([1, 3], dtype=torch.uint8).view(2, 1, 1, 1)).mean.item()
        2.0
    """
    pixels = images.double()
    mean = pixels.mean(dim=(0, 2, 3))
    deviation = pixels.std(dim=(0, 2, 3), correction=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)
    return Moments(mean.float().view(-1, 1, 1), deviation.float().view(-1, 1, 1))


def standardise(images: Shaped[Tensor, "n ch h w"], moments: Moments) -> Float[Tensor, "n ch h w"]:
    """Images as float32 with mean 0 and deviation 1 in each channel.

    Example:
        >>> images = torch.tensor([1, 3], dtype=torch.uint8).view(2, 1, 1, 1)
        >>> standardise(images, channel_moments(images)).flatten().tolist()
        [-1.0, 1.0]
    """
    return images.to(torch.float32, copy=True).sub_(moments.mean).div_(moments.deviation)


def class_index_counts(target: Int64[Tensor, "n"], num_classes: int) -> Int64[Tensor, "c"]:
    """How many examples each class has, from class indices of shape (N,)."""
    return target.bincount(minlength=num_classes)


def label_set_counts(target: Shaped[Tensor, "n c"], num_classes: int) -> Int64[Tensor, "c"]:
    """How many examples hold each class, from a multi-hot of shape (N, C)."""
    return target.view(-1, num_classes).sum(dim=0, dtype=torch.int64)


def smoothed_prior(counts: Int64[Tensor, "c"], num_examples: int) -> Float[Tensor, "c"]:
    """The share of examples that hold each class, ``(n_c + 1) / (N + 2)``: never 0 or 1, so its log-odds are finite.

    Args:
        counts: examples of each class n_c, shape (C,), int64, 0..N.
        num_examples: number of examples N.

    Returns:
        Shape (C,), float32, inside (0, 1). Over exclusive classes it sums to ``(N + C) / (N + 2)``, not to 1.

    Example:
        >>> smoothed_prior(torch.tensor([0, 8]), num_examples=8)
        tensor([0.1000, 0.9000])

    Source: Laplace's rule of succession.
    """
    return (counts.double().add(1) / (num_examples + 2)).float()
