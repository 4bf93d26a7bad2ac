"""Random numbers without a generator: each is a hash of (seed, epoch, stream, index), so nothing has to be remembered.

n examples.
"""

from enum import IntEnum

import torch
from jaxtyping import Float64, Int64
from torch import Tensor


class Stream(IntEnum):
    """What a number is used for; two streams of one key are independent. The values are part of every result."""

    ORDER = 0
    TOP = 1
    LEFT = 2
    MIRROR = 3
    SPLIT = 4
    CANVAS_COUNT = 5
    CANVAS_CELL = 6
    CANVAS_SOURCE = 7
    CLASS_TURN = 8
    CLASS_ROW = 9
    REPEAT = 10
    MIX_SHARE = 11
    MIX_PARTNER = 12
    MIX_TOP = 13
    MIX_LEFT = 14
    SPLIT_TURN = 15
    SPLIT_TREE = 16


def _signed(value: int) -> int:
    """An integer modulo 2^64, as the signed 64-bit integer with the same bits."""
    return (value + 2**63) % 2**64 - 2**63


_STEP = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


def _fold(bits: Tensor, shift: int) -> Tensor:
    """``bits ^ (bits >> shift)`` with zeros shifted in; torch's int64 shift copies the sign bit, so it is masked."""
    return bits ^ ((bits >> shift) & ((1 << (64 - shift)) - 1))


def splitmix64(state: Int64[Tensor, "..."]) -> Int64[Tensor, "..."]:
    """The splitmix64 output for each state: 64 well-mixed bits, the same on every device and in every release of torch.

    Args:
        state: int64 tensor of any shape, read as unsigned; arithmetic is modulo 2^64.

    Returns:
        int64 tensor of the same shape; a bijection, so different states give different bits.

    Example:
        >>> int(splitmix64(torch.tensor(1234567)))
        6457827717110365317

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 17.
    """
    bits = state + _STEP
    bits = _fold(bits, 30) * _FIRST
    bits = _fold(bits, 27) * _SECOND
    return _fold(bits, 31)


def keyed_bits(seed: int, epoch: int, stream: Stream, index: Int64[Tensor, "..."]) -> Int64[Tensor, "..."]:
    """64 bits for each index: a pure function of (seed, epoch, stream, index), whatever batch the index is in.

    Args:
        seed: any integer.
        epoch: any integer.
        stream: what the number is for.
        index: int64 tensor of any shape, such as row ids.

    Returns:
        int64 tensor of the shape and device of ``index``; distinct indices give distinct bits.

    Example:
        >>> index = torch.arange(4)
        >>> torch.equal(keyed_bits(0, 1, Stream.TOP, index)[2:], keyed_bits(0, 1, Stream.TOP, index[2:]))
        True
    """
    key = 0
    for part in (seed, epoch, int(stream)):
        key = _splitmix64_of_one(key ^ part % 2**64)
    return splitmix64(index * _STEP + _signed(key))


def _splitmix64_of_one(state: int) -> int:
    """`splitmix64` of one integer 0..2^64-1, into the same range: torch takes as long for one as for a thousand."""
    bits = (state + _STEP) % 2**64
    bits = (bits ^ bits >> 30) * _FIRST % 2**64
    bits = (bits ^ bits >> 27) * _SECOND % 2**64
    return bits ^ bits >> 31


def keyed_integers(
    seed: int, epoch: int, stream: Stream, index: Int64[Tensor, "..."], bound: int
) -> Int64[Tensor, "..."]:
    """Uniform integers 0..bound-1, one for each index, from the upper 31 bits of `keyed_bits`.

    Args:
        seed: any integer.
        epoch: any integer.
        stream: what the number is for.
        index: int64 tensor of any shape.
        bound: number of values, 1..2^31; each has its share up to ``bound / 2^31``.

    Returns:
        int64 tensor of the shape and device of ``index``.

    Example:
        >>> keyed_integers(0, 0, Stream.MIRROR, torch.arange(8), bound=2).unique().tolist()
        [0, 1]
    """
    upper = (keyed_bits(seed, epoch, stream, index) >> 33) & 0x7FFFFFFF
    return (upper * bound) >> 31


def keyed_uniform(seed: int, epoch: int, stream: Stream, index: Int64[Tensor, "..."]) -> Float64[Tensor, "..."]:
    """Uniform numbers strictly between 0 and 1, one for each index, from the upper 52 bits of `keyed_bits`.

    Args:
        seed: any integer.
        epoch: any integer.
        stream: what the number is for.
        index: int64 tensor of any shape.

    Returns:
        float64 tensor of the shape and device of ``index``: an odd multiple of 2^-53 each.

    Example:
        >>> bool(((keyed_uniform(0, 0, Stream.REPEAT, torch.arange(9)) * 2**53) % 2 == 1).all())
        True
    """
    upper = (keyed_bits(seed, epoch, stream, index) >> 12) & (2**52 - 1)
    return (2 * upper + 1).double() / 2**53


def keyed_order(num_rows: int, seed: int, epoch: int) -> Int64[Tensor, "n"]:
    """The order in which an epoch visits its rows: the permutation that sorts their keyed bits.

    Unlike ``torch.randperm`` it needs no generator and does not change with the release of torch.

    Example:
        >>> keyed_order(5, seed=0, epoch=0).sort().values.tolist()
        [0, 1, 2, 3, 4]
    """
    return keyed_bits(seed, epoch, Stream.ORDER, torch.arange(num_rows)).argsort()
