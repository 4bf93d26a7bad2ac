"""What every data set on disk does, whatever it was read from: sizes, memory, bad files, offsets, normalisation."""

import pytest
import torch
from PIL import Image

from torchheads.data.functional.statistics import Moments
from torchheads.data.source import Examples, Source
from torchheads.data.sourced import SourcedData
from torchheads.errors import DataError, TargetError, TorchHeadsWarning
from torchheads.images import ArrayPictures, ImageFiles, ImageFormat

ROWS = 20


class Shades(SourcedData):
    """Pictures of one shade each: row r has the shade 10 r and the class r % 2."""

    name = "shades"

    def __init__(self, root, names=("even", "odd"), first_class=0, **options) -> None:
        super().__init__(val_share=0.1, calibration_share=0.1, test_share=0.2, **options)
        self.root = root
        self.names = names
        self.first_class = first_class

    def read(self) -> Source:
        files = ImageFiles(self.root, [f"{row:02}.png" for row in range(ROWS)])
        return Source({"train": Examples(files, torch.arange(ROWS) % 2 + self.first_class)}, self.names, "single")


@pytest.fixture
def root(tmp_path):
    for row in range(ROWS):
        Image.new("RGB", (12, 8), (10 * row, 0, 5)).save(tmp_path / f"{row:02}.png")
    return tmp_path


def everything(data) -> torch.Tensor:
    """The inputs of all splits as the loaders hand them out, in the order of the splits."""
    names = ("train", "val", "calibration", "test")
    return torch.cat([batch.input for name in names for batch in data.evaluation_dataloader(name)])


def test_pictures_keep_their_own_size_where_they_have_one(root) -> None:
    data = Shades(root)
    assert data.input_shape == (3, 8, 12)
    assert data.num_samples == {"train": 12, "val": 2, "calibration": 2, "test": 4}
    assert (data.label_type, data.class_names, data.num_classes) == ("single", ("even", "odd"), 2)
    for name in data.num_samples:
        split = data.split(name)
        assert torch.equal(split.input[:, 0, 0, 0].long() // 10 % 2, split.target)  # targets stay with their pictures
    Image.new("RGB", (9, 9)).save(root / "03.png")
    assert Shades(root).input_shape == (3, 64, 64)
    assert Shades(root, image_size=16, channels=1).input_shape == (1, 16, 16)


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_that_do_not_fit_are_decoded_for_each_batch_to_the_same_pixels(root, workers) -> None:
    cached, streamed = Shades(root), Shades(root, cache_gb=0.0, workers=workers)
    assert isinstance(cached.split("train").input, torch.Tensor)
    assert isinstance(streamed.split("train").input, ImageFiles)
    assert streamed.input_shape == cached.input_shape
    torch.testing.assert_close(everything(streamed), everything(cached), rtol=0, atol=0)


def test_the_budget_is_for_all_splits_together(root) -> None:
    whole = ROWS * 3 * 8 * 12 / 1e9
    assert isinstance(Shades(root, cache_gb=whole).split("train").input, torch.Tensor)
    assert isinstance(Shades(root, cache_gb=whole * 0.99).split("train").input, ImageFiles)


@pytest.mark.parametrize("cache_gb", [1.0, 0.0], ids=["cached", "streamed"])
def test_bad_pictures_are_left_out_and_counted_as_far_as_allowed(root, cache_gb) -> None:
    for row in (4, 7):
        (root / f"{row:02}.png").write_bytes(b"")
    data = Shades(root, skip_bad=2, cache_gb=cache_gb, workers=0)
    assert sum(data.num_samples.values()) == ROWS - 2
    assert len(data.skipped) == 2
    assert all(any(name in line for line in data.skipped) for name in ("04.png", "07.png"))
    assert len(everything(data)) == ROWS - 2
    with pytest.raises(DataError, match="TH-D18"):
        Shades(root, skip_bad=1, cache_gb=cache_gb).setup()


def test_classes_that_count_from_one(root) -> None:
    with pytest.raises(TargetError, match="TH-T01"):
        Shades(root, first_class=1).setup()
    data = Shades(root, first_class=1, label_offset=1)
    assert data.split("train").target.unique().tolist() == [0, 1]


def test_names_and_shares_are_checked(root) -> None:
    with pytest.raises(DataError, match="TH-D07: class 1 of shades is 'even', twice"):
        Shades(root, names=("even", "even")).setup()
    wrong = {"image_size": 0, "workers": 1.5, "skip_bad": -1, "cache_gb": "4", "channels": 2}
    for option, value in wrong.items():
        with pytest.raises(DataError, match=f"TH-D11: {option}={value!r}"):
            Shades(root, **{option: value})


def test_the_weights_of_the_backbone_say_size_and_normalisation(root) -> None:
    data = Shades(root)
    data.expected = ImageFormat(size=(8, 8), resize=8, mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.5))
    assert data.input_shape == (3, 8, 8)
    row = data.split("test").input[0, 0, 0, 0].item()
    batch = next(iter(data.test_dataloader()))
    wanted = [(row / 255 - 0.5) / 0.25, (0 - 0.5) / 0.25, (5 / 255 - 0.5) / 0.5]
    assert batch.input[0, :, 0, 0].tolist() == pytest.approx(wanted, abs=1e-6)
    data = Shades(root, image_size=6)  # a size that was asked for wins, and the picture is scaled whole
    data.expected = ImageFormat(size=(8, 8), resize=8)
    assert data.input_shape == (3, 6, 6)


class Arrays(SourcedData):
    """Grey images in memory."""

    name = "arrays"

    def read(self) -> Source:
        images = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        return Source({"train": Examples(images, torch.arange(40) % 2)}, ("a", "b"), "single")


def test_images_in_memory_stay_what_they_are_or_are_scaled_where_a_size_is_asked_for() -> None:
    data = Arrays()
    assert data.input_shape == (1, 28, 28)
    assert data.split("train").input is data.parts["train"].input  # not copied
    scaled = Arrays(image_size=32)
    assert scaled.input_shape == (1, 32, 32)
    assert scaled.split("test").input.dtype == torch.uint8
    streamed = Arrays(image_size=32, cache_gb=0.0, workers=0)
    assert isinstance(streamed.split("test").input, ArrayPictures)
    torch.testing.assert_close(everything(streamed), everything(scaled), rtol=0, atol=0)


def test_grey_arrays_become_what_the_weights_know() -> None:
    data = Arrays()
    data.expected = ImageFormat((40, 40), 3, resize=48, mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.25))
    assert data.input_shape == (3, 40, 40)
    batch = next(iter(data.test_dataloader())).input
    assert torch.equal(batch[:, 0], batch[:, 2])
    assert Arrays(channels=3).input_shape == (3, 28, 28)


def test_what_a_model_was_trained_with_wins_over_everything() -> None:
    data = Arrays(image_size=99)
    data.trained_format = ImageFormat((16, 16), 1)
    data.trained_moments = Moments(torch.full((1, 1, 1), 100.0), torch.full((1, 1, 1), 50.0))
    assert data.input_shape == (1, 16, 16)
    raw = data.split("test").input.float()
    assert torch.equal(next(iter(data.test_dataloader())).input, (raw - 100) / 50)
    assert torch.equal(data.standardise(raw), (raw - 100) / 50)


def test_a_picture_in_two_rows_does_not_come_into_two_splits(root) -> None:
    class Twice(Shades):
        def read(self) -> Source:
            paths = [name for row in range(ROWS) for name in (f"{row:02}.png", f"./{row:02}.png")]
            part = Examples(ImageFiles(self.root, paths), torch.arange(2 * ROWS) // 2 % 2)
            return Source({"train": part}, self.names, "single")

    with pytest.raises(DataError, match=r"TH-D04: \d+ pictures of shades are in .*Try: one row a picture"):
        Twice(root).setup()
    Twice(root, allow_overlap=True).setup()


def test_features_are_standardised_one_by_one() -> None:
    class Rows(SourcedData):
        name = "rows"

        def read(self) -> Source:
            features = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50.0, 0.0])
            known = torch.ones(100, 2, dtype=torch.bool)
            known[::3, 1] = False
            return Source({"train": Examples(features, torch.rand(100, 2) < 0.4, known)}, ("a", "b"), "multi")

    data = Rows()
    assert (data.input_shape, data.image_format) == ((3,), None)
    train = torch.cat([batch.input for batch in data.evaluation_dataloader("train")])
    torch.testing.assert_close(train.std(dim=0, correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-5, rtol=0)
    split = data.split("train")
    positive, known = (split.target & split.mask).sum(dim=0), split.mask.sum(dim=0)
    torch.testing.assert_close(data.prior(), ((positive + 1) / (known + 2)).float())
    assert all(batch.mask is not None and batch.mask.shape == batch.target.shape for batch in data.train_dataloader())


def test_a_class_that_only_test_rows_have_is_warned_of() -> None:
    class Published(SourcedData):
        name = "published"

        def read(self) -> Source:
            parts = {"train": Examples(torch.randn(30, 2), torch.arange(30) % 2 + 1)}
            return Source(
                parts | {"test": Examples(torch.randn(3, 2), torch.tensor([1, 2, 3]))}, tuple("abc"), "single"
            )

    with pytest.warns(TorchHeadsWarning, match="TH-W04: 1 classes of published are in test and not in train.*'c'"):
        assert Published(label_offset=1).source.class_names == ("a", "b", "c")
