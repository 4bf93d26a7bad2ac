"""What is validated, saved and left at the end is the running mean, batch norm included."""

import math

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import ModelParallelStrategy

from torchheads import SoftmaxHead
from torchheads.callbacks import BestCheckpoint, WeightAveraging
from torchheads.callbacks.weight_averaging import update_mean
from torchheads.errors import HeadConfigError
from torchheads.module import ClassificationModule

COUNTER = "backbone.1.num_batches_tracked"


def load(path):
    return torch.load(path, weights_only=True)


def same(state, other):
    return all(torch.equal(state[name], other[name]) for name in other)


def recorded(module):
    """Keep the module's state after each optimizer step, as seen by the start of the next hook."""
    states = []
    step = module.optimizer_step

    def record(*args, **kwargs):
        step(*args, **kwargs)
        states.append({name: value.clone() for name, value in module.state_dict().items()})

    module.optimizer_step = record
    return states


def mean_by_loop(states, decay):
    """The running mean, written out; counters are those of the last step."""
    mean = {name: value.double() for name, value in states[0].items()}
    for step, state in enumerate(states[1:], start=2):
        share = min(decay, step / (step + 9))
        mean = {name: share * mean[name] + (1 - share) * state[name].double() for name in mean}
    return mean | {COUNTER: states[-1][COUNTER]}


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_mean_at_validation_in_the_best_checkpoint_and_at_the_end(scripted, batches, trainer, tmp_path, decay):
    module = scripted([0.1, 0.9, 0.5])
    states = recorded(module)
    trainer(WeightAveraging(decay), BestCheckpoint()).fit(module, batches, batches)
    assert len(states) == 12
    expected = {epoch: mean_by_loop(states[: 4 * (epoch + 1)], decay) for epoch in range(3)}
    for epoch in range(3):
        torch.testing.assert_close(module.seen[4 * epoch], expected[epoch], check_dtype=False, rtol=1e-5, atol=1e-6)
    best = load(tmp_path / "checkpoints" / "best.ckpt")
    assert best["epoch"] == 1
    assert same(best["state_dict"], module.seen[4])
    assert same(module.state_dict(), module.seen[8])
    assert same(load(tmp_path / "checkpoints" / "last.ckpt")["current_model_state"], states[-1])


def test_update_by_hand():
    # 3 steps are in the mean: share of the new value is 1 - 4/13 = 9/13, so 0 moves to 9/13 of 13
    mean, count = torch.zeros(2), torch.tensor([1])
    update_mean([mean], [torch.full((2,), 13.0)], torch.tensor(3), decay=0.999)
    update_mean([count], [torch.tensor([7])], torch.tensor(3), decay=0.999)
    torch.testing.assert_close(mean, torch.full((2,), 9.0))
    assert count.item() == 7


def test_flags_are_copied_not_mixed():
    flag = torch.tensor([True])
    update_mean([flag], [torch.tensor([False])], torch.tensor(3), decay=0.999)
    assert not flag.item()


def test_testing_a_checkpoint_after_the_fit_tests_the_mean(scripted, batches, trainer, tmp_path):
    module, run = scripted([0.9, 0.5, 0.1, 0.0]), trainer(WeightAveraging(), BestCheckpoint())
    run.fit(module, batches, batches)
    best = load(tmp_path / "checkpoints" / "best.ckpt")["state_dict"]
    run.test(module, batches, ckpt_path="best", weights_only=True, verbose=False)
    assert same(module.seen[-1], best)
    run.validate(module, batches, ckpt_path="best", weights_only=True, verbose=False)
    assert same(module.seen[-1], best)
    fresh = scripted([0.5] * 3)
    other = trainer(WeightAveraging(), BestCheckpoint())
    other.test(fresh, batches, ckpt_path=run.checkpoint_callback.best_model_path, weights_only=True, verbose=False)
    assert same(fresh.seen[-1], best)


def test_a_resumed_run_ends_where_one_run_ends(scripted, batches, trainer, tmp_path):
    whole = scripted([0.5] * 4)
    trainer(WeightAveraging(), max_epochs=4).fit(whole, batches, batches)
    trainer(WeightAveraging(), BestCheckpoint(), max_epochs=2).fit(scripted([0.5] * 4), batches, batches)
    resumed = scripted([0.5] * 4)
    last = tmp_path / "checkpoints" / "last.ckpt"
    run = trainer(WeightAveraging(), BestCheckpoint(), max_epochs=4)
    run.fit(resumed, batches, batches, ckpt_path=last, weights_only=True)
    assert same(resumed.state_dict(), whole.state_dict())


@pytest.mark.parametrize("decay", [-0.1, 1.0, math.nan, "0.9", True])
def test_bad_decays_are_refused(decay):
    with pytest.raises(
        HeadConfigError, match=r"TH-H13: weight_averaging\.decay=.*Try: callbacks\.weight_averaging\.decay"
    ):
        WeightAveraging(decay)


def test_a_mean_of_weights_that_are_shared_out_is_refused():
    strategy = ModelParallelStrategy(save_distributed_checkpoint=False)
    trainer = Trainer(accelerator="cpu", devices=2, strategy=strategy, logger=False, enable_checkpointing=False)
    with pytest.raises(HeadConfigError, match=r"TH-H25: callbacks=weight_averaging .*Try: trainer=ddp"):
        WeightAveraging().setup(trainer, torch.nn.Linear(2, 2), "fit")


def test_a_module_that_can_share_its_weights_is_averaged_without_a_warning(tmp_path):
    module = ClassificationModule(torch.nn.Flatten(), SoftmaxHead(4, 3))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", default_root_dir=tmp_path, enable_checkpointing=False, **quiet)
    averaging = WeightAveraging()
    averaging.setup(trainer, module, "fit")
    assert type(averaging._average_model.module) is ClassificationModule
