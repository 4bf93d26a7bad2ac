"""How much of two examples goes into their mix, and which box of an image is replaced; numbers alone, no generator."""

import math
from typing import Final

import torch
from jaxtyping import Int64
from torch import Tensor

from torchheads.data.functional.keyed import Stream, keyed_bits

GRID: Final = 2**20  # shares are multiples of 1 / GRID: the last bits of cos and pow differ between machines
NUMBER: Final = 2**32  # one batch's examples are counted within one number's range


def symmetric_beta(alpha: float, radius: float, angle: float) -> float:
    """A share with the distribution Beta(alpha, alpha), for any alpha > 0, made of two uniform numbers.

        w = radius^(1/alpha),   c = cos(2 pi angle),   share = (1 + c sqrt((1 - w) / (w + (1 - w) c^2))) / 2

    A point in polar coordinates gives Student's t with 2 alpha degrees of freedom, and its t / sqrt(2 alpha + t^2) is
    what is shifted here; nothing is rejected, so two numbers are always enough.

    Args:
        alpha: the distribution's parameter, > 0: near 0 a share is near 0 or 1, at 1 it is uniform.
        radius: inside (0, 1).
        angle: inside (0, 1).

    Returns:
        A multiple of 2^-20 in [0, 1], the same on every machine.

    Example:
        >>> symmetric_beta(1.0, radius=0.75, angle=0.5), symmetric_beta(1.0, radius=0.75, angle=0.25)
        (0.25, 0.5)

    Source: Bailey (1994), "Polar generation of random variates with the t-distribution", Mathematics of Computation 62;
        Devroye (1986), "Non-Uniform Random Variate Generation", section IX.3, for the relation of t and beta.
    """
    inside, cosine = radius ** (1 / alpha), math.cos(2 * math.pi * angle)
    distance = math.sqrt((1 - inside) / (inside + (1 - inside) * cosine**2))
    return round((1 + cosine * distance) / 2 * GRID) / GRID


def keyed_partners(size: int, seed: int, epoch: int, number: int, device: torch.device) -> Int64[Tensor, "b"]:
    """With which example of its batch each one is mixed: a permutation, by (seed, epoch, number of the batch).

    Example:
        >>> keyed_partners(5, seed=0, epoch=0, number=3, device=torch.device("cpu")).sort().values.tolist()
        [0, 1, 2, 3, 4]
    """
    index = number * NUMBER + torch.arange(size, device=device)
    return keyed_bits(seed, epoch, Stream.MIX_PARTNER, index).argsort()


def replaced_run(length: int, side: int, centre: int) -> slice:
    """A run of ``side`` pixels about ``centre``, as much of it as lies within 0..length-1.

    Example:
        >>> replaced_run(10, side=4, centre=9), replaced_run(10, side=3, centre=4)
        (slice(7, 10, None), slice(3, 6, None))
    """
    start = centre - side // 2
    return slice(max(start, 0), min(start + side, length))
