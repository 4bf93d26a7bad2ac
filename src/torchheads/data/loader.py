"""The loader: batches of a split, each a function of (seed, epoch, batch number), resumable between any two.

b examples of a batch.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from torchheads.data.batch import Batch, Split, rows_of
from torchheads.data.functional.statistics import Moments, standardise
from torchheads.data.readers import Reader
from torchheads.data.sampler import RowSampler
from torchheads.errors import CheckpointMismatch
from torchheads.targets import each

Finish = Callable[[Batch, int, int], Batch]
"""The last thing done to a batch, from the batch, the epoch and the number of the batch in it."""


class Position(NamedTuple):
    """How many batches of an epoch have been handed out."""

    epoch: int
    batch: int


class KeyedLoader:
    """Batches of a split, standardised; their raw inputs come from a reader, on the device where they are used.

    Unlike torch's ``DataLoader`` it draws no random numbers: the same rows and pixels come whatever ran before. A
    trainer that saves ``state_dict()`` between two batches and loads it into a new loader goes on with exactly the next
    batch. The length stays that of the whole epoch, as trainers expect of a resumed loader.

    Args:
        reader: the raw inputs of the split, augmented where it was built to.
        split: the examples; targets and masks are kept on ``device``.
        moments: mean and deviation of the training split; None hands the inputs out as they are.
        sampler: which rows in which order; ``sampler.set_epoch`` chooses the epoch of the next iteration.
        device: where the work is done.
        finish: the last thing done to a batch, from (batch, epoch, number of the batch); None leaves it as it is.
        batch_type: `FeatureBatch`, where the inputs were through the backbone before.

    Attributes:
        begin: called when an iteration starts; an integer is the number of batches to leave out because they are done,
            None leaves that to the state loaded. A trainer that counts batches itself sets it.

    Example:
        >>> from torchheads.data import EvaluationSampler, channel_moments
        >>> from torchheads.data.readers import RowReader
        >>> images = torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2)
        >>> split = Split(images, torch.tensor([0, 1, 2]))
        >>> sampler = EvaluationSampler(num_rows=3, batch_size=2)
        >>> loader = KeyedLoader(RowReader(images), split, channel_moments(images), sampler)
        >>> [batch.index.tolist() for batch in loader]
        [[0, 1], [2]]
    """

    batch_sampler = None  # Lightning looks for one beside ``sampler``

    def __init__(
        self,
        reader: Reader,
        split: Split,
        moments: Moments | None,
        sampler: RowSampler,
        device: torch.device | str = "cpu",
        finish: Finish | None = None,
        batch_type: type[Batch] = Batch,
    ) -> None:
        self.sampler = sampler
        self._device = torch.device(device)
        self._reader = reader
        self._target, self._mask = (
            each(lambda values: values.to(self._device), tree) for tree in (split.target, split.mask)
        )
        self._moments = moments.to(self._device) if moments is not None else None
        self._finish = finish
        self._batch_type = batch_type
        self._position = Position(sampler.epoch, 0)
        self._resume_at = self._position
        self.begin: Callable[[], int | None] = lambda: None

    def __len__(self) -> int:
        """Number of batches in an epoch, the same on every rank."""
        return self.sampler.num_batches

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the sampler's epoch, from the resumed position where one was loaded for this epoch.

        Nothing is read before the first batch is asked for, so the epoch and a state may still be set until then.
        """
        epoch = self.sampler.epoch
        first = self.begin()
        if first is None:
            first = self._resume_at.batch if self._resume_at.epoch == epoch else 0
        self._resume_at = Position(epoch, 0)  # another pass over this epoch is a whole one
        runs = torch.split(self.sampler.keys().to(self._device), self.sampler.batch_size)[first:]
        inputs = self._reader.batches(runs, epoch)
        for number, (run, raw) in enumerate(zip(runs, inputs, strict=True), start=first):
            rows = run % self.sampler.num_rows
            ready = standardise(raw, self._moments) if self._moments is not None else raw
            batch = self._batch_type(ready, rows_of(self._target, rows), rows, rows_of(self._mask, rows))
            self._position = Position(epoch, number + 1)  # before the batch goes out: a state saved while it is in use
            yield self._finish(batch, epoch, number) if self._finish else batch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.sampler.set_epoch(epoch)

    def real_rows(self, batch_idx: int) -> int:
        """How many rows at the front of a batch of this rank are no padding: 0 up to the batch size."""
        return self.sampler.real_rows(batch_idx)

    def state_dict(self) -> dict[str, Any]:
        """The position as plain integers: epoch, batches handed out, and what fixes the rows of a batch number."""
        same_epoch = self._position.epoch == self.sampler.epoch
        batch = self._position.batch if same_epoch else 0
        return {"epoch": self.sampler.epoch, "batch": batch, "order": self.sampler.fingerprint()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the saved batch; takes effect on the next iteration, also of an iterator not yet started.

        Args:
            state: from `state_dict`.

        Raises:
            CheckpointMismatch: code K07, when the state was saved within an epoch with another seed, number of rows or
                number of rows a step, so that its batch number stands for other rows.
        """
        now = self.sampler.fingerprint()
        if state["batch"] and state["order"] != now:
            changes = [f"{key}: {state['order'].get(key)} saved, {now[key]} now" for key in now]
            problem = f"a position within epoch {state['epoch']} of another order of rows ({'; '.join(changes)})"
            raise CheckpointMismatch("K07", problem, "the saved seed, data and data.batch_size x ranks")
        self.set_epoch(state["epoch"])
        self._position = self._resume_at = Position(state["epoch"], state["batch"])
