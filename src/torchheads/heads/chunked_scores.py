"""A head's scores a chunk of classes at a time, for answers that never need all of them at once.

n examples, d features, c classes, k of them asked for, w classes of one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from torchheads.calibration import Identity, Temperature
from torchheads.errors import HeadConfigError
from torchheads.heads.base import ClassificationHead
from torchheads.heads.chunked import held_classes, obstacle_of_classifier
from torchheads.linear import Ranked
from torchheads.linear.base import ChunkedLinear
from torchheads.linear.partition import Rivals
from torchheads.linear.ranking import Leaders
from torchheads.linear.shard import Part, Whole
from torchheads.shapes import check_features


class Chunks:
    """The calibrated logits of a head, a chunk of classes at a time; refuses heads that need all of them at once.

    Args:
        head: the head.
        features: shape (n, d).

    Raises:
        HeadConfigError: code H28.
    """

    def __init__(self, head: ClassificationHead, features: Tensor) -> None:
        if obstacle := obstacle_to_lists(head, features):
            raise refusal(obstacle, "head.predict(head(features)) on smaller batches")
        check_features(features, head.in_features)
        head.calibrator.check_fitted()
        self.calibrator, self.num_classes = head.calibrator, head.num_classes
        self.normalised = head.link.name == "softmax" and head.score == "log_odds"
        weight, bias, shard = held_classes(head)
        self.part: Part = shard or Whole(head.num_classes)
        self.linear = ChunkedLinear(features, weight, bias, (False, False, False), None)

    def logits(self) -> Iterator[tuple[slice, Float[Tensor, "n w"]]]:
        """The classes of each chunk and their calibrated logits (n, w), in a buffer that the next one will use.

        Of a head whose classes are shared out over processes, those of this one.
        """
        for own in self.linear.chunks:
            logits = self.linear.logits(own)
            classes = slice(own.start + self.part.first, own.stop + self.part.first)
            if isinstance(self.calibrator, Temperature):
                divided = logits / self.calibrator.temperature[classes].to(logits.dtype)
                logits = divided.where(self.calibrator.learned[classes], logits)
            yield classes, logits

    def rivals(self) -> Rivals:
        """Empty sums over the classes of each row."""
        return Rivals(self.linear.rows, like=self.linear.features.new_empty(0, dtype=self.linear.full))

    def scores(self) -> Iterator[tuple[slice, Float[Tensor, "n w"]]]:
        """As `logits`, but the scores; on a softmax after a pass of its own."""
        if not self.normalised:
            yield from self.logits()
            return
        rivals = self.rivals()
        for _, logits in self.logits():
            rivals.add(logits)
        rivals.meet(self.part)
        for classes, logits in self.logits():
            yield classes, rivals.log_odds(logits)


def obstacle_to_lists(head: ClassificationHead, features: Tensor) -> str:
    """What keeps the scores from being taken chunk by chunk, in words; empty where nothing does."""
    if type(head).score_rows is not ClassificationHead.score_rows:
        return f"a {type(head).__name__}, whose scores are its own; allowed those of the link"
    if type(head.calibrator) not in (Identity, Temperature):
        return f"the calibrator {type(head.calibrator).__name__}; allowed Identity, Temperature"
    if not isinstance(features, Tensor) or features.ndim != 2:
        return "spatial features; allowed a tensor of shape (N, D)"
    return obstacle_of_classifier(head)


def refusal(obstacle: str, remedy: str) -> HeadConfigError:
    """The error, code H28, that names what needs all classes at once."""
    return HeadConfigError("H28", f"predictions over chunks of classes with {obstacle}", remedy)


def ranked_scores(chunks: Chunks, k: int) -> Ranked:
    """The k best classes and their scores, in one pass."""
    leaders, rivals = Leaders(k, chunks.linear), chunks.rivals()
    for classes, logits in chunks.logits():
        leaders.add(logits, classes)
        if chunks.normalised:
            rivals.add(logits)
    if chunks.normalised:
        rivals.meet(chunks.part)
    values, indices = leaders.of_all(chunks.part)
    return Ranked(rivals.log_odds(values) if chunks.normalised else values, indices)
