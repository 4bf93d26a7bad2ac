"""Every error torchheads raises on purpose: a code, what came, what is allowed, and what to type next."""

import warnings


class TorchHeadsError(Exception):
    """Base of all errors raised by torchheads; catch it to catch them all.

    Each child is also the built-in error it belongs to, so code that catches ``ValueError`` keeps working.

    Args:
        code: catalogue code such as ``"T01"``; printed as ``TH-T01`` and stable between releases.
        problem: what came, where it came from, and what is allowed.
        remedy: what to type or do next; may be empty where nothing can be typed.

    Example:
        >>> str(TargetError("T01", "class id 10 at sample 3; allowed 0..9", "head.num_classes=11"))
        'TH-T01: class id 10 at sample 3; allowed 0..9. Try: head.num_classes=11'
    """

    def __init__(self, code: str, problem: str, remedy: str = "") -> None:
        super().__init__(code, problem, remedy)  # the plain arguments, so that the error can be pickled
        self.code = code
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        """The one line a user reads."""
        return f"TH-{self.code}: {self.problem}" + (f". Try: {self.remedy}" if self.remedy else "")


class TorchHeadsWarning(UserWarning):
    """What is allowed but probably not meant; the text has a code and a remedy like those of the errors."""


def warn(code: str, problem: str, remedy: str) -> None:
    """Warn the caller's caller, once a place, in the words of an error.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True, action="always") as caught:
        ...     warn("W01", "this batch teaches nothing", "larger batches")
        >>> str(caught[0].message)
        'TH-W01: this batch teaches nothing. Try: larger batches'
    """
    warnings.warn(str(TorchHeadsError(code, problem, remedy)), TorchHeadsWarning, stacklevel=3)


class TargetError(TorchHeadsError, ValueError):
    """A target whose form, shape, dtype or range does not fit the head, the label type or the logits."""


class LogitsError(TorchHeadsError, ValueError):
    """Features or logits of a wrong shape or dtype, such as shape (N,) where (N, C) is needed."""


class HeadConfigError(TorchHeadsError, ValueError):
    """A head, loss, decision rule or run that cannot be built from the options given."""


class DataError(TorchHeadsError, ValueError):
    """Data that cannot be read, split or batched as asked."""


class FitError(TorchHeadsError, ValueError):
    """A decision rule or calibrator that cannot be fitted on the data given, or is used before it was fitted."""


class NonFiniteError(TorchHeadsError, RuntimeError):
    """NaN or infinity where a finite number is needed."""


class CheckpointError(TorchHeadsError, RuntimeError):
    """A checkpoint that cannot be written or read."""


class CheckpointCorrupt(CheckpointError):
    """A checkpoint whose bytes are damaged or are no checkpoint at all."""


class CheckpointMismatch(CheckpointError):
    """A sound checkpoint of another head, of other classes or of a newer version."""


class UnsafeArtifact(CheckpointError):
    """A file or configuration that would run code that torchheads does not know."""
