"""Names that are none, pictures in two parts, classes that only a held-out part has."""

import warnings

import pytest
import torch

from torchheads.data.source import Examples, Source
from torchheads.data.source_checks import check_names, check_offset, check_overlap, warn_of_unseen
from torchheads.errors import DataError, TargetError, TorchHeadsWarning
from torchheads.images import ImageFiles


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("cat", "dog", "cat"), "class 2 of pets is 'cat', twice"),
        (("cat", ""), "class 1 of pets is '', without a name"),
        (("cat", " "), "class 1 of pets is ' ', without a name"),
    ],
)
def test_names(names: tuple[str, ...], problem: str) -> None:
    check_names("pets", ("cat", "dog"))
    with pytest.raises(DataError, match=f"TH-D07: {problem}; allowed names that differ"):
        check_names("pets", names)


def test_a_picture_in_two_parts(tmp_path) -> None:
    def part(*paths: str) -> Examples:
        return Examples(ImageFiles(tmp_path, paths), torch.zeros(len(paths), dtype=torch.int64))

    check_overlap("pets", {"train": part("a.png", "b.png"), "test": part("c.png")})
    with pytest.raises(DataError, match=r"TH-D04: 1 pictures of pets are in train and in test, such as b\.png"):
        check_overlap("pets", {"train": part("a.png", "b.png"), "val": part("d.png"), "test": part("b.png", "c.png")})


def single(*target: int) -> Examples:
    return Examples(torch.zeros(len(target), 1), torch.tensor(target))


def test_a_class_that_only_a_held_out_part_has() -> None:
    source = Source({"train": single(0, 1), "val": single(0), "test": single(2, 1)}, ("ant", "bee", "cow"), "single")
    with pytest.warns(TorchHeadsWarning, match="TH-W04: 1 classes of zoo are in test and not in train.*'cow'"):
        warn_of_unseen("zoo", source)
    sets = Source(
        {
            "train": Examples(torch.zeros(1, 1), torch.tensor([[True, True]]), torch.tensor([[True, False]])),
            "test": Examples(torch.zeros(1, 1), torch.tensor([[True, True]]), torch.tensor([[True, True]])),
        },
        ("ant", "bee"),
        "multi",
    )
    with pytest.warns(TorchHeadsWarning, match="TH-W04.*'bee'"):  # in train it is unknown
        warn_of_unseen("zoo", sets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unseen("zoo", Source({"train": single(0, 1), "test": single(1)}, ("ant", "bee"), "single"))
        warn_of_unseen("zoo", Source({"train": single(0), "test": single(9)}, ("ant",), "single"))  # T01 says that


@pytest.mark.parametrize(
    ("target", "offset", "code", "remedy"),
    [
        ((1, 2, 3), 0, "T01", "data.label_offset=1"),
        ((0, 1, 2), 1, "T02", "data.label_offset=0"),
        ((5, 6, 7), 0, "T01", "data.label_offset=5"),
    ],
)
def test_class_numbers_that_begin_elsewhere(target: tuple[int, ...], offset: int, code: str, remedy: str) -> None:
    source = Source({"train": single(*target)}, ("ant", "bee", "cow"), "single")
    with pytest.raises(
        TargetError, match=f"TH-{code}: zoo has class numbers {target[0]}..{target[2]}; allowed {offset}"
    ):
        check_offset("zoo", source, offset)
    with pytest.raises(TargetError) as caught:
        check_offset("zoo", source, offset)
    assert caught.value.remedy.startswith(remedy)
    check_offset("zoo", source, int(remedy[-1]))


def test_label_sets_have_no_numbers() -> None:
    source = Source({"train": Examples(torch.zeros(1, 1), torch.tensor([[True, False]]))}, ("ant", "bee"), "multi")
    check_offset("zoo", source, 0)
    with pytest.raises(DataError, match="TH-D11: label_offset=1; allowed 0, since zoo has label sets"):
        check_offset("zoo", source, 1)
