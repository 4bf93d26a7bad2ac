"""Resuming under Lightning: the trainer's own count of trained batches decides where the loader goes on.

Lightning hands a saved position back to the loader in some cases only: not if ``trainer.estimated_stepping_batches``
was read before (the loaders exist by then), nor after two resumes of which the first was at the last batch of an epoch.
Its batch counter within the epoch is right in these cases, once the progress it keeps beside it is mended.
"""

from lightning.pytorch import Trainer


def batches_done(trainer: Trainer) -> int:
    """Number of batches of the running epoch that the trainer has already trained on; asked before the next one."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready


def mend_progress(trainer: Trainer) -> None:
    """Put right what Lightning 2.6 leaves behind in its progress after a resume; called between two batches.

    Resumed at the last batch of an epoch, it enters the next epoch without counting it as begun: every checkpoint of
    that epoch then looks like one between two epochs, and resuming it would train the whole epoch again. Resumed from a
    checkpoint saved while a batch failed, it keeps that batch in its totals: the next resume would repeat a batch.
    """
    epochs = trainer.fit_loop.epoch_progress
    if epochs.current.ready == epochs.current.completed:
        epochs.increment_ready()
        epochs.increment_started()
    trainer.fit_loop.epoch_loop.batch_progress.total.reset_on_restart()  # no batch is under way: all counts are equal
