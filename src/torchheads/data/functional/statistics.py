"""What a training split says about its pixels and its classes.

n examples, c classes, d features, ch channels, h height, w width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64, Shaped, UInt8
from torch import Tensor


class Moments(NamedTuple):
    """Mean and standard deviation, float32: of each channel, shape (channels, 1, 1), or of each feature, shape (d,)."""

    mean: Float[Tensor, "..."]
    deviation: Float[Tensor, "..."]

    def to(self, device: torch.device) -> "Moments":
        """The same numbers on another device."""
        return Moments(self.mean.to(device), self.deviation.to(device))


class Counts(NamedTuple):
    """For each class the examples that hold it and the examples of which that is known, shape (c,), int64."""

    positive: Int64[Tensor, "c"]
    known: Int64[Tensor, "c"]


def input_moments(inputs: Shaped[Tensor, "n ..."]) -> Moments:
    """Those of each channel of images (n, channels, height, width), or of each feature of rows (n, d).

    Example:
        >>> input_moments(torch.tensor([[1.0, 5.0], [3.0, 5.0]])).mean
        tensor([2., 5.])
    """
    return channel_moments(inputs) if inputs.ndim == 4 else feature_moments(inputs)


def channel_moments(images: Shaped[Tensor, "n ch h w"]) -> Moments:
    """Mean and standard deviation of every channel over all images and pixels, computed in float64.

    A channel that never changes gets the deviation 1, so that standardising it gives zeros.

    Example:
        >>> channel_moments(torch.tensor([1, 3], dtype=torch.uint8).view(2, 1, 1, 1)).mean.item()
        2.0
    """
    if images.dtype == torch.uint8:
        return moments_of_counts(shade_counts(images))
    per_channel = [_moments_of(channel) for channel in images.unbind(dim=1)]
    mean, deviation = (torch.stack(values).view(-1, 1, 1) for values in zip(*per_channel, strict=True))
    return Moments(mean, deviation)


def shade_counts(images: UInt8[Tensor, "n ch h w"]) -> Int64[Tensor, "ch 256"]:
    """How many pixels of each channel have each of the 256 shades; counts of parts add up to those of the whole."""
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for block in torch.split(images, 256):  # bincount makes int64 of what it counts
        counts += torch.stack([channel.flatten().bincount(minlength=256).cpu() for channel in block.unbind(dim=1)])
    return counts


def moments_of_counts(counts: Int64[Tensor, "ch 256"]) -> Moments:
    """Mean and standard deviation of each channel from its shades; 1 for a channel that never changes.

    Example:
        >>> moments_of_counts(torch.eye(256, dtype=torch.int64)[[1, 3]].sum(dim=0, keepdim=True)).mean.item()
        2.0
    """
    share = counts.double() / counts.sum(dim=1, keepdim=True)
    shade = torch.arange(256, dtype=torch.float64)
    mean = share @ shade
    deviation = (share * (shade - mean[:, None]).square()).sum(dim=1).sqrt()
    deviation = torch.where((counts > 0).sum(dim=1) > 1, deviation, 1.0)
    return Moments(mean.float().view(-1, 1, 1), deviation.float().view(-1, 1, 1))


def feature_moments(features: Shaped[Tensor, "n d"]) -> Moments:
    """Mean and standard deviation of every feature over all rows, computed in float64; 1 for one that never changes.

    Example:
        >>> feature_moments(torch.tensor([[1.0], [3.0]])).deviation.item()
        1.0
    """
    mean, deviation = (torch.stack(values) for values in zip(*map(_moments_of, features.unbind(dim=1)), strict=True))
    return Moments(mean, deviation)


def _moments_of(values: Shaped[Tensor, "..."]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    deviation, mean = torch.std_mean(values.double(), correction=0)
    return mean.float(), (deviation if deviation > 0 else torch.ones_like(deviation)).float()


def standardise(inputs: Shaped[Tensor, "n ..."], moments: Moments) -> Float[Tensor, "n ..."]:
    """Inputs as float32 with mean 0 and deviation 1 in each channel or feature.

    Example:
        >>> images = torch.tensor([1, 3], dtype=torch.uint8).view(2, 1, 1, 1)
        >>> standardise(images, channel_moments(images)).flatten().tolist()
        [-1.0, 1.0]
    """
    return inputs.to(torch.float32, copy=True).sub_(moments.mean).div_(moments.deviation)


def class_index_counts(target: Int64[Tensor, "n"], known: Bool[Tensor, "n"] | None, num_classes: int) -> Counts:
    """How many examples each class has, of how many that are known, from class indices of shape (N,)."""
    values = target if known is None else target[known]
    counts = values.bincount(minlength=num_classes)
    return Counts(counts, torch.full_like(counts, len(values)))


def label_set_counts(target: Shaped[Tensor, "n c"], known: Bool[Tensor, "n c"] | None, num_classes: int) -> Counts:
    """How many examples hold each class, of how many of which it is known, from a multi-hot of shape (N, C)."""
    sets = target.view(-1, num_classes)
    if known is None:
        counts = sets.sum(dim=0, dtype=torch.int64)
        return Counts(counts, torch.full_like(counts, len(sets)))
    return Counts((sets.bool() & known).sum(dim=0), known.sum(dim=0))


def smoothed_prior(counts: Counts) -> Float[Tensor, "c"]:
    """The share of examples that hold each class, ``(n_c + 1) / (N + 2)``: never 0 or 1, so its log-odds are finite.

    Args:
        counts: examples of each class n_c, and examples N of which that is known, both of shape (C,), int64.

    Returns:
        Shape (C,), float32, inside (0, 1). Over exclusive classes it sums to ``(N + C) / (N + 2)``, not to 1.

    Example:
        >>> smoothed_prior(Counts(torch.tensor([0, 8]), torch.tensor([8, 8])))
        tensor([0.1000, 0.9000])

    Source: Laplace's rule of succession.
    """
    return ((counts.positive + 1).double() / (counts.known + 2)).float()
