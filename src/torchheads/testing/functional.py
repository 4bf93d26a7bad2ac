"""How a broken promise is put in words: what was found, and what to do about it.

Nothing here says ``assert``, which ``python -O`` would leave out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import torch
from torch import Tensor

from torchheads.errors import TorchHeadsError


def fail(found: str, remedy: str) -> NoReturn:
    """Raise an AssertionError in two lines: what was found, and what to do.

    Example:
        >>> fail("a loss of -1", "take the mean of squares")
        Traceback (most recent call last):
        AssertionError: found: a loss of -1
           do: take the mean of squares
    """
    raise AssertionError(f"found: {found}\n   do: {remedy}")


def one_line(error: Exception) -> str:
    """Class of an error and the first line of its text; the rest stands in the traceback.

    Example:
        >>> one_line(ValueError("no such class\\nsee above"))
        'ValueError: no such class'
    """
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]:.200}"


@contextmanager
def on_error(remedy: str) -> Iterator[None]:
    """Fail with a remedy where the code inside raises anything, the error chained behind.

    Example:
        >>> with on_error("write 1"):
        ...     int("one")
        Traceback (most recent call last):
        AssertionError: found: ValueError: invalid literal for int() with base 10: 'one'
           do: write 1
    """
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"found: {one_line(error)}\n   do: {remedy}") from error


def require(kept: bool, found: str, remedy: str) -> None:
    """Fail where a promise is not kept."""
    if not kept:
        fail(found, remedy)


def require_close(
    what: str, found: Tensor, expected: Tensor, remedy: str, *, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Fail where two tensors, any shape, differ in shape or by more than rounding; NaN differs from everything.

    Example:
        >>> require_close("the loss", torch.tensor(1.0), torch.tensor(2.0), "divide by N")
        Traceback (most recent call last):
        AssertionError: found: the loss is 1, expected 2
           do: divide by N
    """
    _require_shape(what, found, expected, remedy)
    same = torch.isclose(found.detach().double(), expected.detach().double(), rtol=rtol, atol=atol)
    require(bool(same.all()), f"{what} {_first_difference(found, expected, ~same)}", remedy)


def require_equal(what: str, found: Tensor, expected: Tensor, remedy: str) -> None:
    """Fail where two tensors, any shape, differ in dtype or in a single bit; two NaN are equal.

    Example:
        >>> require_equal("the answer", torch.tensor([0, 1]), torch.tensor([0, 2]), "take the largest")
        Traceback (most recent call last):
        AssertionError: found: the answer at [1] is 1, expected 2
           do: take the largest
    """
    if found.dtype != expected.dtype:
        fail(f"{what} is {found.dtype}, expected {expected.dtype}", remedy)
    _require_shape(what, found, expected, remedy)
    same = (found == expected) | (found.isnan() & expected.isnan())
    require(bool(same.all()), f"{what} {_first_difference(found, expected, ~same)}", remedy)


def require_same_answers(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], remedy: str) -> None:
    """Fail where one of several named tensors differs by more than rounding.

    Example:
        >>> require_same_answers({"scores": torch.ones(1)}, {"scores": torch.ones(1)}, "nothing")
    """
    for name, answer in expected.items():
        require_close(name, found[name], answer, remedy)


def require_refusal(
    call: Callable[[], object], kind: type[TorchHeadsError], codes: str | tuple[str, ...], remedy: str
) -> None:
    """Fail where a call is not answered by an error of the kind, with one of the codes and something to type.

    Example:
        >>> require_refusal(lambda: 3.0, TorchHeadsError, "T01", "look at the target first")
        Traceback (most recent call last):
        AssertionError: found: no error but the answer 3.0, expected TorchHeadsError T01
           do: look at the target first
    """
    codes = (codes,) if isinstance(codes, str) else codes
    expected = f"expected {kind.__name__} {' or '.join(codes)}"
    try:
        answer = call()
    except Exception as error:
        if not isinstance(error, kind) or error.code not in codes:
            raise AssertionError(f"found: {one_line(error)}, {expected}\n   do: {remedy}") from error
        require(bool(error.remedy), f"no remedy in {error}", "say what to type next, as the error's third argument")
    else:
        fail(f"no error but the answer {' '.join(repr(answer).split()):.60}, {expected}", remedy)


def _require_shape(what: str, found: Tensor, expected: Tensor, remedy: str) -> None:
    shapes = f"{what} has shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
    require(found.shape == expected.shape, shapes, remedy)


def _first_difference(found: Tensor, expected: Tensor, differs: Tensor) -> str:
    if not bool(differs.any()):
        return ""
    if found.ndim == 0:
        return f"is {found.item():.7g}, expected {expected.item():.7g}"
    place = tuple(differs.nonzero()[0].tolist())
    return f"at {list(place)} is {found[place].item():.7g}, expected {expected[place].item():.7g}"
