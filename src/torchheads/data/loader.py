"""The loader: batches of a split in memory, each a function of (seed, epoch, batch number), resumable between any two.

b examples of a batch.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from torchheads.data.augmentation import Augmentation
from torchheads.data.batch import Batch, Split, rows_of
from torchheads.data.functional.statistics import Moments, standardise
from torchheads.data.functional.windows import read_windows
from torchheads.data.sampler import RowSampler
from torchheads.errors import CheckpointMismatch
from torchheads.targets import each


class Position(NamedTuple):
    """How many batches of an epoch have been handed out."""

    epoch: int
    batch: int


class KeyedLoader:
    """Batches of a split that is kept on one device, standardised, shifted and mirrored there.

    Unlike torch's ``DataLoader`` it draws no random numbers and has no worker processes: the same rows and pixels come
    whatever ran before. A trainer that saves ``state_dict()`` between two batches and loads it into a new loader goes
    on with exactly the next batch. The length stays that of the whole epoch, as trainers expect of a resumed loader.

    Args:
        split: the examples; ``split.input`` holds raw images of shape (N, channels, height, width).
        moments: mean and deviation of the training split.
        sampler: which rows in which order; ``sampler.set_epoch`` chooses the epoch of the next iteration.
        augment: what is done to each image; None leaves them as they are.
        seed: seed of the augmentation.
        device: where the split is kept and the work is done.

    Attributes:
        begin: called when an iteration starts; an integer is the number of batches to leave out because they are done,
            None leaves that to the state loaded. A trainer that counts batches itself sets it.

    Example:
        >>> from torchheads.data import EvaluationSampler, channel_moments
        >>> images = torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2)
        >>> split = Split(images, torch.tensor([0, 1, 2]))
        >>> loader = KeyedLoader(split, channel_moments(images), EvaluationSampler(num_rows=3, batch_size=2))
        >>> [batch.index.tolist() for batch in loader]
        [[0, 1], [2]]
    """

    batch_sampler = None  # Lightning looks for one beside ``sampler``

    def __init__(
        self,
        split: Split,
        moments: Moments,
        sampler: RowSampler,
        augment: Augmentation | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.sampler = sampler
        self._device = torch.device(device)
        self._augment = augment or Augmentation()
        self._seed = seed
        self._windows = self._augment.windows(split.input.to(self._device))
        self._target = each(lambda target: target.to(self._device), split.target)
        self._moments = moments.to(self._device)
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
        rows = self.sampler.rows().to(self._device)
        places = self._augment.places(self._windows, rows, rows, seed=self._seed, epoch=epoch)
        size = self.sampler.batch_size
        for batch in range(first, len(self)):
            run = slice(batch * size, (batch + 1) * size)
            images = standardise(read_windows(self._windows, places[run]), self._moments)
            self._position = Position(epoch, batch + 1)  # before the batch goes out: a state saved while it is in use
            yield Batch(images, rows_of(self._target, rows[run]), rows[run])

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
