"""Mixing on batches of every form, in the loss of both heads, and through Lightning's way to a device."""

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import move_data_to_device
from scipy.stats import beta, kstest
from torch import nn

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.data import Batch, CutMix, Digits, Mixup
from torchheads.data.batch import FeatureBatch
from torchheads.errors import DataError
from torchheads.heads import MultiHead
from torchheads.module import ClassificationModule
from torchheads.targets import LabelLists, MixedTarget

MIXINGS = [Mixup(0.7), CutMix(1.0)]
LISTS = LabelLists.from_lists([[0], [1, 2], [], [2], [0, 1]], num_classes=3)
TARGETS = {"single": torch.tensor([0, 2, 1, 1, 0]), "multi": LISTS.multi_hot(), "lists": LISTS}


def batch_of(target, mask=None, shape=(3, 6, 8)):
    images = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    return Batch(images, target, torch.arange(10, 15), mask)


@pytest.mark.parametrize("number", range(6))
def test_mixup_is_the_weighted_mean_of_pairs(number):
    batch = batch_of(torch.arange(5))
    mixed = Mixup(0.7)(batch, seed=1, epoch=2, number=number)
    share, second = mixed.target.weight.item(), mixed.target.second
    expected = share * batch.input.double() + (1 - share) * batch.input[second].double()
    torch.testing.assert_close(mixed.input.double(), expected, atol=1e-6, rtol=1e-6)
    assert torch.equal(mixed.target.first, batch.target)
    assert second.sort().values.tolist() == list(range(5))
    assert torch.equal(mixed.index, batch.index)


@pytest.mark.parametrize("number", range(12))
def test_cutmix_is_a_box_of_another_image(number):
    batch = batch_of(torch.arange(5))
    batch = batch._replace(input=batch.target.float().view(5, 1, 1, 1).expand(5, 2, 6, 8))
    mixed = CutMix(1.0)(batch, seed=1, epoch=2, number=number)
    second = mixed.target.second
    taken = mixed.input != batch.input
    for row in range(5):
        boxes = taken[row] if second[row] != row else taken[int((second != torch.arange(5)).nonzero()[0])]
        assert torch.equal(boxes[0], boxes[1])  # all channels
        inside = boxes[0].nonzero()
        if len(inside):  # a full rectangle
            height, width = (inside.amax(dim=0) - inside.amin(dim=0) + 1).tolist()
            assert height * width == len(inside)
        assert mixed.input[row][boxes].eq(second[row]).all()
        assert mixed.target.weight.item() == pytest.approx(1 - len(inside) / 48, abs=1e-6)


def test_cutmix_boxes_have_the_area_that_was_drawn():
    batch = Batch(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 40, 40), torch.arange(2), torch.arange(2))
    kept, touched = [], torch.zeros(40, 40)
    for number in range(300):
        mixed = CutMix(1.0)(batch, 0, 0, number)
        if mixed.target.second[0] == 1:
            kept.append(mixed.target.weight.item())
            touched += mixed.input[0, 0]
    assert min(kept) < 0.2
    assert max(kept) > 0.99
    assert touched[:20].sum() / touched[20:].sum() == pytest.approx(1, abs=0.15)
    assert touched[:, :20].sum() / touched[:, 20:].sum() == pytest.approx(1, abs=0.15)
    # uncut boxes have 1 - share of the area, with share uniform; the mean cut area is less than one half
    assert 0.55 < sum(kept) / len(kept) < 0.75


def test_shares_of_batches_follow_the_distribution():
    batch = batch_of(torch.arange(5), shape=(2,))
    shares = [Mixup(0.4)(batch, 3, epoch, number).target.weight.item() for epoch in range(15) for number in range(20)]
    assert kstest(shares, beta(0.4, 0.4).cdf).pvalue > 1e-3


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_a_mix_is_a_function_of_its_key(mixing):
    def values(*key):
        mixed = mixing(batch_of(torch.arange(5)), *key)
        return (*mixed.input.flatten().tolist(), *mixed.target.second.tolist(), mixed.target.weight.item())

    state = torch.get_rng_state()
    first = values(1, 2, 3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(9)
    values(5, 5, 5)
    assert values(1, 2, 3) == first
    assert len({values(*key) for key in ((1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4))}) == 4


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("head", [SoftmaxHead, SigmoidHead])
def test_both_heads_take_every_form(mixing, form, head):
    target = TARGETS[form]
    mixed = mixing(batch_of(target), 0, 0, 1)
    model = head(144, 3, label_type="single" if form == "single" else "multi")
    features, share = mixed.input.flatten(1), mixed.target.weight
    losses = [model.row_losses(model(features), half).values for half in (mixed.target.first, mixed.target.second)]
    torch.testing.assert_close(model.loss(features, mixed.target), (share * losses[0] + (1 - share) * losses[1]).mean())
    assert model.count(mixed.target) == 5


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_an_entry_is_known_where_both_are(mixing):
    known = torch.rand(5, 3) < 0.6
    mixed = mixing(batch_of(torch.arange(5), known), 0, 0, 1)
    assert torch.equal(mixed.mask, known & known[mixed.target.second])
    single = mixing(batch_of(TARGETS["single"], known[:, 0]), 0, 0, 1)
    model = SoftmaxHead(144, 3)
    assert model.count(single.target, single.mask) == single.mask.sum()
    assert model.loss(single.input.flatten(1), single.target, single.mask).isfinite()


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_several_tasks_mix_alike(mixing):
    target, mask = {"a": torch.arange(5) % 3, "b": LISTS}, {"a": torch.tensor([True, True, False, True, True])}
    mixed = mixing(batch_of(target, mask), 0, 0, 1)
    numbers = mixing(batch_of(torch.arange(5)), 0, 0, 1).target.second
    assert torch.equal(mixed.target["a"].second, target["a"][numbers])
    assert mixed.target["b"].second.tolist() == LISTS[numbers].tolist()
    assert torch.equal(mixed.mask["a"], mask["a"] & mask["a"][numbers])
    head = MultiHead({"a": SoftmaxHead(144, 3), "b": SigmoidHead(144, 3)})
    assert head.loss(mixed.input.flatten(1), mixed.target, mixed.mask).isfinite()
    assert mixing(batch_of(target, {"a": None}), 0, 0, 1).mask == {"a": None}


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_a_batch_of_one(mixing):
    batch = Batch(torch.randn(1, 3, 6, 8), torch.tensor([2]), torch.tensor([7]))
    mixed = mixing(batch, 0, 0, 0)
    assert torch.equal(mixed.input, batch.input)
    assert mixed.target.second.tolist() == [2]


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_the_batch_itself_stays_as_it_is(mixing):
    batch = batch_of(torch.arange(5))
    before = batch.input.clone()
    mixed = mixing(batch, 0, 0, 1)
    assert torch.equal(batch.input, before)
    assert mixed.input.shape == before.shape
    assert not torch.equal(mixed.input, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_the_dtype_stays(mixing, dtype):
    batch = batch_of(torch.arange(5))
    mixed = mixing(batch._replace(input=batch.input.to(dtype)), 0, 0, 1)
    assert mixed.input.dtype == dtype
    assert torch.equal(mixed.target.second, mixing(batch, 0, 0, 1).target.second)


def test_features_mix_in_mixup_alone():
    features = FeatureBatch(torch.randn(5, 7), torch.arange(5), torch.arange(5))
    mixed = Mixup(0.7)(features, 0, 0, 1)
    assert isinstance(mixed, FeatureBatch)
    assert mixed.input.shape == (5, 7)
    with pytest.raises(DataError, match=r"shape \(5, 7\); allowed images") as caught:
        CutMix(1.0)(features, 0, 0, 1)
    assert (caught.value.code, caught.value.remedy) == ("D33", "mix=mixup")


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
def test_integers_do_not_mix(mixing):
    batch = batch_of(torch.arange(5))
    with pytest.raises(DataError, match="of dtype uint8; allowed floating point") as caught:
        mixing(batch._replace(input=batch.input.to(torch.uint8)), 0, 0, 1)
    assert caught.value.code == "D33"


@pytest.mark.parametrize("alpha", [0, -1.0, float("nan"), float("inf"), "1", None, True])
@pytest.mark.parametrize("mixing", [Mixup, CutMix])
def test_alpha_out_of_range(mixing, alpha):
    with pytest.raises(DataError, match=r"mix\.alpha=") as caught:
        mixing(alpha)
    assert caught.value.code == "D32"


def test_repr_is_the_constructor():
    assert repr(MIXINGS) == "[Mixup(alpha=0.7), CutMix(alpha=1.0)]"


@pytest.mark.parametrize("form", TARGETS)
def test_lightning_moves_a_mixed_batch(form):
    mask = torch.ones(5, dtype=torch.bool)
    mixed = Mixup(0.7)(batch_of(TARGETS[form], mask), 0, 0, 1)
    moved = move_data_to_device(mixed, torch.device("meta"))
    assert isinstance(moved, Batch)
    assert isinstance(moved.target, MixedTarget)
    parts = [moved.input, moved.mask, moved.target.first, moved.target.second, moved.target.weight]
    assert all(part.device.type == "meta" for part in parts)
    assert repr(mixed.target) == repr(move_data_to_device(mixed, torch.device("cpu")).target)


@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
@pytest.mark.parametrize("head", [SoftmaxHead, SigmoidHead])
def test_a_run_trains_on_mixed_batches(mixing, head, tmp_path):
    module = ClassificationModule(nn.Flatten(), head(64, 10, label_type="single"))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(accelerator="cpu", max_epochs=1, enable_model_summary=False, default_root_dir=tmp_path, **quiet)
    data = Digits(batch_size=383, mix=mixing)  # three batches
    trainer.fit(module, datamodule=data)
    plain = Digits(batch_size=383)
    pairs = list(zip(data.train_dataloader(), plain.train_dataloader(), strict=True))
    assert all(torch.equal(mixed.index, single.index) for mixed, single in pairs)
    assert all(torch.equal(mixed.target.first, single.target) for mixed, single in pairs)
    assert len({mixed.target.weight.item() for mixed, _ in pairs}) == 3
    assert torch.equal(next(iter(data.val_dataloader())).input, next(iter(plain.val_dataloader())).input)
    assert 1 < trainer.callback_metrics["train/loss"] < 10


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mixing", MIXINGS, ids=repr)
@pytest.mark.parametrize("form", TARGETS)
def test_cuda_gives_the_same_mix(mixing, form):
    batch = batch_of(TARGETS[form])
    here, there = mixing(batch, 1, 2, 3), mixing(move_data_to_device(batch, torch.device("cuda")), 1, 2, 3)
    assert there.input.is_cuda
    torch.testing.assert_close(there.input.cpu(), here.input)
    assert there.target.weight.cpu() == here.target.weight
    second = there.target.second.to("cpu")
    assert second.tolist() == here.target.second.tolist()
    head = nn.Sequential(nn.Flatten(), SigmoidHead(144, 3, label_type="single" if form == "single" else "multi")).cuda()
    assert head[1].loss(head[0](there.input), there.target).isfinite()
