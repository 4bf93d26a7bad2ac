"""A frozen backbone is run once: the same weights come out, and nobody sees the difference but the clock."""

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything

from torchheads import SoftmaxHead
from torchheads.backbones import Cnn
from torchheads.data import Augmentation, Digits, FeatureBatch
from torchheads.data.mixing import Mixup
from torchheads.frozen_features import cache_features, can_cache
from torchheads.module import ClassificationModule


def frozen(freeze=True) -> Cnn:
    torch.manual_seed(0)
    backbone = Cnn((1, 8, 8), widths=[8, 16])
    backbone.freeze(freeze)
    return backbone


def fit(cached: bool) -> tuple[ClassificationModule, list[int]]:
    """Two epochs, and how many pictures the backbone was given in training."""
    data, backbone, seen = Digits(batch_size=100), frozen(), []
    module = ClassificationModule(backbone, SoftmaxHead(16, 10))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    if cached:
        cache_features(trainer, module, data)
    seed_everything(1, verbose=False)
    hook = backbone.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data, verbose=False)
    hook.remove()
    return module, seen


@pytest.mark.filterwarnings("ignore:.*in eval mode at the start of training")  # which the command line keeps quiet
def test_the_same_head_comes_out_without_running_the_backbone_again() -> None:
    (slow, seen), (fast, unseen) = fit(cached=False), fit(cached=True)
    assert sum(seen) == 2 * (1149 + 144) + 360
    assert unseen == []
    for name, values in slow.state_dict().items():
        torch.testing.assert_close(fast.state_dict()[name], values, atol=1e-4, rtol=1e-3)
    assert fast.results["test"]["accuracy"] == pytest.approx(slow.results["test"]["accuracy"], abs=0.01)


def test_batches_of_features_say_so() -> None:
    data = Digits(batch_size=100)
    data.use_features({name: torch.randn(rows, 5) for name, rows in data.num_samples.items()})
    batch = next(iter(data.train_dataloader()))
    assert isinstance(batch, FeatureBatch)
    assert isinstance(batch.first(3), FeatureBatch)
    assert batch.features(lambda inputs: 1 / 0) is batch.input
    assert torch.equal(batch.target, data.split("train").target[batch.index])


@pytest.mark.parametrize(
    ("backbone", "options", "expected"),
    [
        (frozen(True), {}, True),
        (frozen(None), {}, False),
        (frozen(1), {}, False),
        (frozen("until_epoch:1"), {}, False),
        (frozen(True), {"augment": Augmentation(shift=1)}, False),
        (frozen(True), {"mix": Mixup(0.2)}, False),
        (torch.nn.Flatten(), {}, False),
    ],
)
def test_when_features_can_be_kept(backbone, options, expected) -> None:
    assert can_cache(backbone, Digits(**options)) == expected
