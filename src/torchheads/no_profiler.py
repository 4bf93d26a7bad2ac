"""Lightning's profiler of a run that is not profiled, without its calls."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, final

from lightning.pytorch import Trainer
from lightning.pytorch.profilers import PassThroughProfiler

NOTHING: Final = nullcontext()


@final
class NoProfiler(PassThroughProfiler):
    """A ``PassThroughProfiler`` that hands out one context for all.

    Lightning opens one around every hook of every callback, some 35 a step, and makes each anew by a generator.

    Example:
        >>> with NoProfiler().profile("a step"):
        ...     pass
    """

    def profile(self, action_name: str) -> AbstractContextManager[Any]:  # type: ignore[override]
        """A context that does nothing."""
        return NOTHING


def profile_nothing(trainer: Trainer) -> None:
    """Spare a trainer the calls of a profiler it was not given."""
    profiled: Any = trainer  # which does not declare it
    if type(profiled.profiler) is PassThroughProfiler:
        profiled.profiler = NoProfiler()
