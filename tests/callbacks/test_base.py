"""What callbacks read of a module, and the refusals they share."""

import pytest

from torchheads.callbacks import BestCheckpoint, EarlyStopping
from torchheads.callbacks.base import parts
from torchheads.errors import HeadConfigError

WATCHERS = [BestCheckpoint, EarlyStopping]


def test_parts_is_the_module_itself(scripted):
    module = scripted()
    assert parts(module) is module


@pytest.mark.parametrize("watcher", WATCHERS)
def test_a_run_without_validation_is_refused_before_training(scripted, batches, trainer, watcher):
    module = scripted([0.5] * 3)
    with pytest.raises(HeadConfigError, match=r"TH-H08: val/accuracy is watched.*Try: trainer\.limit_val_batches=1\.0"):
        trainer(watcher(), limit_val_batches=0).fit(module, batches, batches)
    assert module.trainer.global_step == 0


@pytest.mark.parametrize("watcher", WATCHERS)
@pytest.mark.parametrize("options", [{}, {"check_val_every_n_epoch": 2}])
def test_a_metric_that_is_never_logged_names_those_that_are(scripted, batches, trainer, watcher, options):
    module = scripted([0.5] * 3)
    module.logged = "val/nll"
    with pytest.raises(HeadConfigError, match=r"TH-H08: val/accuracy is watched, but was not logged; .* val/nll"):
        trainer(watcher(), **options).fit(module, batches, batches)


@pytest.mark.parametrize("watcher", WATCHERS)
def test_a_trial_run_is_left_alone(scripted, batches, trainer, watcher):
    trainer(watcher(), fast_dev_run=True).fit(scripted([0.5]), batches, batches)


@pytest.mark.parametrize("watcher", WATCHERS)
def test_the_sanity_check_neither_counts_nor_fails(scripted, batches, trainer, watcher):
    trainer(watcher(), num_sanity_val_steps=1).fit(scripted([0.5] * 3), batches, batches)
