"""What every data set offers: loaders, prior, sizes, and the errors of splits that cannot work."""

import pytest
import torch

from torchheads.data import Augmentation, ClassificationData, Split
from torchheads.errors import DataError, TargetError


class Coloured(ClassificationData):
    """Ten RGB images a split, one of them class b."""

    name = "coloured"
    label_type = "single"
    class_names = ("a", "b", "c")
    input_shape = (3, 4, 4)
    loads = 0

    def __init__(self, empty="", **options):
        defaults = {"batch_size": 4, "eval_batch_size": 8, "split_seed": 0, "seed": 0, "augment": None}
        super().__init__(**{**defaults, "drop_last": False, **options})
        self.empty = empty

    def load_splits(self):
        self.loads += 1
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 255, (10, 3, 4, 4), dtype=torch.uint8, generator=generator)
        target = torch.tensor([0] * 9 + [1])
        whole, nothing = Split(images, target), Split(images[:0], target[:0])
        return {name: nothing if name == self.empty else whole for name in ("train", "val", "calibration", "test")}


def test_setup_loads_once():
    data = Coloured()
    data.setup()
    data.setup("fit")
    data.train_dataloader()
    assert data.loads == 1


def test_without_setup_everything_works():
    data = Coloured()
    assert data.num_samples == {"train": 10, "val": 10, "calibration": 10, "test": 10}
    assert data.num_classes == 3
    # (9 + 1) / 12, (1 + 1) / 12, (0 + 1) / 12
    assert data.prior().tolist() == pytest.approx([10 / 12, 2 / 12, 1 / 12])


def test_training_is_augmented_and_evaluation_is_not():
    data, plain = Coloured(augment=Augmentation(shift=2, flip=True)), Coloured()
    for name in ("val", "calibration", "test", "predict"):
        for left, right in zip(*(getattr(each, f"{name}_dataloader")() for each in (data, plain)), strict=True):
            assert torch.equal(left.input, right.input)
    changed, same = (next(iter(each.train_dataloader())) for each in (data, plain))
    assert torch.equal(changed.index, same.index)
    assert not torch.equal(changed.input, same.input)


def test_inputs_are_standardised_with_the_training_split():
    data = Coloured()
    images = torch.cat([batch.input for batch in data.train_dataloader()])
    assert images.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (images.std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-5


def test_a_raw_image_is_standardised_as_the_loaders_do_it():
    data = Coloured()
    raw = data.split("test").input
    kept = raw.clone()
    assert torch.equal(Coloured().standardise(raw), torch.cat([batch.input for batch in data.test_dataloader()]))
    assert torch.equal(raw, kept)
    assert data.standardise(raw[:1]).shape == (1, 3, 4, 4)


def test_seed_changes_the_order_alone():
    orders = [torch.cat([batch.index for batch in Coloured(seed=seed).train_dataloader()]) for seed in (0, 1)]
    assert not torch.equal(*orders)
    assert torch.equal(*(each.sort().values for each in orders))


def test_batch_sizes():
    data = Coloured(batch_size=3, eval_batch_size=7)
    assert [len(batch.index) for batch in data.train_dataloader()] == [3, 3, 3, 1]
    assert [len(batch.index) for batch in data.test_dataloader()] == [7, 3]
    assert [len(batch.index) for batch in Coloured(batch_size=3, drop_last=True).train_dataloader()] == [3, 3, 3]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_empty_split(split):
    with pytest.raises(DataError, match=f"split '{split}' of coloured is empty") as caught:
        Coloured(empty=split).setup()
    assert caught.value.code == "D01"


def test_without_calibration_rows_there_are_data_but_nothing_to_fit_on():
    data = Coloured(empty="calibration")
    data.setup()
    assert data.num_samples["calibration"] == 0


def test_no_full_batch():
    with pytest.raises(DataError, match=r"data\.drop_last=false") as caught:
        Coloured(batch_size=11, drop_last=True).train_dataloader()
    assert caught.value.code == "D03"


def test_unknown_split():
    with pytest.raises(DataError, match="'valid' of coloured; allowed train, val") as caught:
        Coloured().evaluation_dataloader("valid")
    assert caught.value.code == "D13"


@pytest.mark.parametrize("option", ["batch_size", "eval_batch_size"])
def test_batch_size_below_one(option):
    with pytest.raises(DataError, match=f"{option}=0") as caught:
        Coloured(**{option: 0})
    assert caught.value.code == "D11"


def test_no_hyper_parameters_reach_a_checkpoint():
    assert not Coloured(augment=Augmentation(shift=1)).hparams


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ([0] * 9 + [3], r"TH-T01: split 'test' of coloured got class index 3 at sample 9; allowed 0\.\.2"),
        ([-1] + [0] * 9, r"TH-T02: split 'test' of coloured got class index -1 at sample 0"),
    ],
)
def test_every_target_is_looked_at_once(target, text):
    class Wrong(Coloured):
        def load_splits(self):
            splits = super().load_splits()
            return splits | {"test": Split(splits["test"].input, torch.tensor(target))}

    with pytest.raises(TargetError, match=text):
        Wrong().setup()


def test_what_marks_the_unknown_is_allowed():
    class Unknown(Coloured):
        ignore_index = -1

        def load_splits(self):
            splits = super().load_splits()
            return splits | {"test": Split(splits["test"].input, torch.tensor([-1] + [0] * 9))}

    Unknown().setup()
