"""Label lists hold the same sets as a multi-hot, whatever is done to them; every method against a loop over lists."""

import copy
import pickle
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from torchheads.errors import DataError, TargetError
from torchheads.targets import LabelLists

C = 4
LISTS = [[0, 2], [], [3], [1, 2, 3], []]
SAMPLES = st.lists(st.lists(st.integers(0, C - 1), max_size=6), max_size=6)


def made(lists=LISTS, num_classes=C):
    return LabelLists.from_lists(lists, num_classes)


def loop(lists, num_classes=C):
    """The multi-hot, entry by entry."""
    return [[int(label in labels) for label in range(num_classes)] for labels in lists]


def sparse(target):
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch calls its layout a beta
        return target.to_sparse_csr()


# What they hold -------------------------------------------------------------------------------------------------------


def test_sizes_and_contents():
    target = made()
    assert len(target) == 5
    assert target.shape == (5, C)
    assert target.device.type == "cpu"
    assert target.indices.tolist() == [0, 2, 3, 1, 2, 3]
    assert target.offsets.tolist() == [0, 2, 2, 3, 6, 6]
    assert target.indices.dtype == target.offsets.dtype == torch.int64
    assert target.tolist() == LISTS
    assert repr(target) == "LabelLists(6 labels of 5 examples, num_classes=4)"


def test_sizes_of_the_examples_and_the_example_of_each_label():
    assert made().sizes.tolist() == [len(labels) for labels in LISTS]
    assert made().example.tolist() == [place for place, labels in enumerate(LISTS) for _ in labels]


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.float64, torch.int64])
def test_multi_hot_is_the_loop(dtype):
    hot = made().multi_hot(dtype)
    assert hot.dtype == dtype
    assert hot.long().tolist() == loop(LISTS)
    assert made().multi_hot().dtype == torch.bool


@given(SAMPLES)
def test_there_and_back(lists):
    target = made(lists)
    sets = [sorted(set(labels)) for labels in lists]
    assert target.tolist() == sets
    hot = target.multi_hot()
    assert hot.shape == (len(lists), C)
    assert hot.long().tolist() == loop(lists)
    again = LabelLists.from_multi_hot(hot)
    assert again.tolist() == sets
    assert again.offsets.tolist() == target.offsets.tolist()


@given(st.lists(st.lists(st.booleans(), min_size=C, max_size=C), min_size=1, max_size=6))
def test_back_and_there(rows):
    hot = torch.tensor(rows)
    assert torch.equal(LabelLists.from_multi_hot(hot).multi_hot(), hot)
    assert torch.equal(LabelLists.from_multi_hot(hot.float()).multi_hot(), hot)


def test_duplicates_count_once_and_order_does_not_matter():
    target = made([[2, 0, 2, 2], [], [3, 3], [1]])
    assert target.tolist() == [[0, 2], [], [3], [1]]
    assert target.offsets.tolist() == [0, 2, 2, 3, 4]
    assert target.multi_hot().sum() == 4


def test_equal_labels_of_neighbours_are_not_one():
    assert made([[1, 2], [2], [1, 2], [0]]).tolist() == [[1, 2], [2], [1, 2], [0]]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.int8, torch.uint8])
def test_every_integer_dtype_is_taken(dtype):
    target = LabelLists(torch.tensor([2, 0], dtype=dtype), torch.tensor([0, 2, 2], dtype=dtype), C)
    assert target.tolist() == [[0, 2], []]


@pytest.mark.parametrize(
    "labels",
    [[2, 0], (2, 0), {2, 0}, torch.tensor([2, 0]), np.array([2, 0]), np.array([2, 0], dtype=np.uint8), range(0, 3, 2)],
)
def test_every_kind_of_list_is_taken(labels):
    assert made([labels, []]).tolist() == [[0, 2], []]
    assert made(iter([labels, []])).tolist() == [[0, 2], []]


def test_no_example_and_no_label():
    for lists in ([], [[]], [[], []]):
        target = made(lists)
        assert target.multi_hot().shape == (len(lists), C)
        assert target.tolist() == lists


# Rows -----------------------------------------------------------------------------------------------------------------

ROWS = {
    "the first": slice(0, 1),
    "all": slice(None),
    "some": slice(1, 4),
    "every other one": slice(None, None, 2),
    "none": slice(2, 2),
    "beyond the end": slice(3, 99),
    "from the end": slice(-2, None),
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_a_slice_is_the_slice_of_the_list(rows):
    assert made()[rows].tolist() == LISTS[rows]
    assert made()[rows].num_classes == C


@given(SAMPLES.filter(bool), st.data())
def test_rows_by_number(lists, data):
    chosen = data.draw(st.lists(st.integers(-len(lists), len(lists) - 1), max_size=8))
    expected = [sorted(set(lists[row])) for row in chosen]
    assert made(lists)[torch.tensor(chosen, dtype=torch.int64)].tolist() == expected
    assert made(lists)[chosen].tolist() == expected


@given(SAMPLES, st.data())
def test_rows_by_mask(lists, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(lists), max_size=len(lists)))
    expected = [sorted(set(labels)) for labels, kept in zip(lists, mask, strict=True) if kept]
    assert made(lists)[torch.tensor(mask, dtype=torch.bool)].tolist() == expected


def test_rows_that_there_are_not():
    lists = LabelLists.from_lists([[0], [1], []], num_classes=2)
    for rows in (torch.tensor([0, 3]), torch.tensor([-4]), torch.tensor([True, False]), [5]):
        with pytest.raises(TargetError, match=r"TH-M06: LabelLists of 3 examples: .*; allowed rows 0\.\.2, or a mask"):
            lists[rows]
    assert lists[torch.tensor([-1, 0])].tolist() == [[], [0]]


def test_a_single_row_number_is_refused():
    with pytest.raises(
        TargetError, match=r"TH-M06: LabelLists got the row number 2; allowed a slice.*Try: target\[2:3\]"
    ):
        made()[2]


@given(st.lists(SAMPLES, min_size=1, max_size=4))
def test_cat_is_the_lists_one_after_the_other(parts):
    whole = LabelLists.cat([made(part) for part in parts])
    assert whole.tolist() == [sorted(set(labels)) for part in parts for labels in part]
    assert torch.equal(whole.multi_hot(), torch.cat([made(part).multi_hot() for part in parts]))


def test_cat_of_other_classes():
    with pytest.raises(TargetError, match=r"TH-M06: LabelLists.cat got parts of \[3, 4\] classes; .*Try: num_classes="):
        LabelLists.cat([made([[0]], 4), made([[0]], 3)])
    with pytest.raises(TargetError, match=r"TH-M06: LabelLists.cat got parts of \[\] classes"):
        LabelLists.cat([])


def test_what_is_cut_can_be_cut_again_and_joined():
    target = made()
    pieces = [target[start : start + 2] for start in (0, 2, 4)]
    assert LabelLists.cat(pieces).tolist() == LISTS
    assert target[1:][1:][:1].tolist() == [LISTS[2]]


# Sparse tensors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool])
def test_a_sparse_multi_hot(dtype):
    hot = torch.tensor(loop(LISTS)).to(dtype)
    assert LabelLists.from_sparse_csr(sparse(hot)).tolist() == LISTS


def test_a_stored_zero_is_no_label():
    stored = sparse(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]))
    stored.values()[1:3] = 0  # the second label of row 0 and the only one of row 1
    assert LabelLists.from_sparse_csr(stored).tolist() == [[0], [], [0, 2]]


@pytest.mark.parametrize("value", [2.0, -1.0, float("nan"), 0.5])
def test_a_stored_number_that_is_no_answer(value):
    stored = sparse(torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]))
    stored.values()[2] = value
    with pytest.raises(
        TargetError, match=f"TH-M03: a sparse target holds {value:g} at sample 2; allowed 0 and 1. Try: th"
    ):
        LabelLists.from_sparse_csr(stored)


@pytest.mark.parametrize("target", [torch.zeros(2, 3), [[0]], torch.zeros(2, 3).to_sparse()])
def test_what_is_not_sparse_in_this_way(target):
    with pytest.raises(TargetError, match=r"TH-M06: LabelLists.from_sparse_csr got .*; allowed torch\.sparse_csr"):
        LabelLists.from_sparse_csr(target)


# Copies ---------------------------------------------------------------------------------------------------------------


def test_moves():
    moved = made().to("meta")
    assert moved.device.type == "meta"
    assert moved.offsets.device.type == "meta"
    assert (len(moved), moved.num_classes) == (5, C)
    assert made().to(torch.device("cpu"), non_blocking=True).tolist() == LISTS


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs an accelerator")
def test_pinned_memory():
    pinned = made().pin_memory()
    assert pinned.indices.is_pinned()
    assert pinned.offsets.is_pinned()
    assert pinned.tolist() == LISTS


def test_pinned_memory_is_asked_for_both_parts(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda part: asked.append(part.tolist()) or part.clone())
    pinned = made().pin_memory()
    assert (pinned.tolist(), pinned.num_classes) == (LISTS, C)
    assert asked == [[0, 2, 3, 1, 2, 3], [0, 2, 2, 3, 6, 6]]


def test_copies():
    for again in (copy.deepcopy(made()), pickle.loads(pickle.dumps(made()))):
        assert again.tolist() == LISTS
        assert again.num_classes == C


# What is refused ------------------------------------------------------------------------------------------------------

NOT_LISTS = {
    "a word": ([[0], "cat"], "sample 1 holds 'cat'"),
    "words": ([[0], ["cat", "dog"]], r"sample 1 holds \['cat', 'dog'\]"),
    "a number": ([[0], [1], 2], "sample 2 holds 2"),
    "fractions": ([[0.5]], r"sample 0 holds \[0\.5\]"),
    "floats": ([[1.0]], r"sample 0 holds \[1\.0\]"),
    "a float array": ([np.array([1.0])], "sample 0 holds"),
    "bools": ([[True, False]], r"sample 0 holds \[True, False\]"),
    "nothing": ([None], "sample 0 holds None"),
    "a scalar": ([torch.tensor(1)], "sample 0 holds 1"),
    "lists of lists": ([[[0]]], r"sample 0 holds \[\[0\]\]"),
    "a matrix": ([torch.zeros(2, 2, dtype=torch.int64)], "sample 0 holds"),
    "no lists at all": (3, "got 3; allowed one list of labels an example"),
}


@pytest.mark.parametrize(("lists", "text"), NOT_LISTS.values(), ids=NOT_LISTS.keys())
def test_what_is_no_list_of_whole_numbers(lists, text):
    with pytest.raises(DataError, match=rf"^TH-M14: .*{text}.*Try: LabelLists\.from_lists\(\[\[0, 2\], "):
        made(lists)


@pytest.mark.parametrize(
    ("lists", "code", "text"),
    [
        (
            [[0], [4]],
            "T01",
            r"label 4 at sample 1; allowed 0\.\.3 \(num_classes=4\)\. Try: num_classes=5, or labels - 1",
        ),
        ([[], [], [0, 9, 11]], "T01", "label 9 at sample 2"),
        ([[], [2, -1]], "T02", r"label -1 at sample 1; allowed 0\.\.3 .*Try: leave the label out"),
        ([[2**70]], "T01", "at sample 0; allowed"),
        ([[-(2**70)]], "T02", "at sample 0; allowed"),
    ],
)
def test_labels_that_there_are_not(lists, code, text):
    with pytest.raises(TargetError, match=f"^TH-{code}: LabelLists got .*{text}"):
        made(lists)


def whole(*values, dtype=torch.int64):
    return torch.tensor(values, dtype=dtype)


LAYOUTS = {
    "offsets that fall": (whole(0, 1), whole(0, 2, 1, 2)),
    "offsets that start late": (whole(0, 1), whole(1, 2)),
    "offsets that stop early": (whole(0, 1), whole(0, 1)),
    "offsets beyond the end": (whole(0, 1), whole(0, 3)),
    "no offsets": (whole(), whole()),
    "floats": (whole(0, 1, dtype=torch.float32), whole(0, 2)),
    "float offsets": (whole(0, 1), whole(0, 2, dtype=torch.float32)),
    "bools": (whole(0, 1, dtype=torch.bool), whole(0, 2)),
    "complex": (whole(0, 1, dtype=torch.complex64), whole(0, 2)),
    "a matrix": (torch.zeros(2, 2, dtype=torch.int64), whole(0, 4)),
    "scalars": (torch.tensor(0), torch.tensor(0)),
}


@pytest.mark.parametrize(("indices", "offsets"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts(indices, offsets):
    text = (
        r"^TH-M06: LabelLists got indices of shape .* and offsets of shape .*; allowed integers.*Try: LabelLists\.from"
    )
    with pytest.raises(TargetError, match=text):
        LabelLists(indices, offsets, C)


def test_what_are_no_tensors():
    with pytest.raises(
        TargetError, match=r"TH-M06: LabelLists got a list and a ndarray; allowed two tensors\. Try: LabelLis"
    ):
        LabelLists([0], np.array([0, 1]), C)


@pytest.mark.parametrize("num_classes", [None, "4", 4.0, True, -1])
def test_numbers_of_classes(num_classes):
    with pytest.raises(TargetError, match=r"TH-M06: LabelLists got num_classes=.*; allowed a whole number"):
        made([[0]], num_classes)


@pytest.mark.parametrize("target", [torch.zeros(3), torch.zeros(2, 3, 4), [[0, 1]], None])
def test_multi_hots_of_another_shape(target):
    with pytest.raises(
        TargetError, match=r"TH-M06: LabelLists.from_multi_hot got .*; allowed a tensor of shape \(N, C\)"
    ):
        LabelLists.from_multi_hot(target)


# The whole text of every refusal --------------------------------------------------------------------------------------

LISTED = "LabelLists.from_lists([[0, 2], [], [1]], num_classes=3)"
FROM_LISTS = "LabelLists.from_lists(lists, num_classes)"

TEXTS = [
    (lambda: made(3), f"TH-M14: LabelLists.from_lists got 3; allowed one list of labels an example. Try: {LISTED}"),
    (
        lambda: made([[0], ["cat"]]),
        f"TH-M14: sample 1 holds ['cat']; allowed a list of whole numbers, perhaps empty. Try: {LISTED}",
    ),
    (
        lambda: LabelLists.from_multi_hot(torch.zeros(3)),
        f"TH-M06: LabelLists.from_multi_hot got (3,); allowed a tensor of shape (N, C). Try: {FROM_LISTS}",
    ),
    (
        lambda: LabelLists.from_multi_hot([1]),
        f"TH-M06: LabelLists.from_multi_hot got list; allowed a tensor of shape (N, C). Try: {FROM_LISTS}",
    ),
    (
        lambda: LabelLists.from_sparse_csr(torch.zeros(3)),
        "TH-M06: LabelLists.from_sparse_csr got torch.strided of shape (3,); "
        "allowed torch.sparse_csr of shape (N, C). Try: target.to_sparse_csr()",
    ),
    (
        lambda: LabelLists.from_sparse_csr([1]),
        "TH-M06: LabelLists.from_sparse_csr got <class 'list'>; "
        "allowed torch.sparse_csr of shape (N, C). Try: target.to_sparse_csr()",
    ),
    (
        lambda: LabelLists.from_sparse_csr(sparse(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))),
        "TH-M03: a sparse target holds 2 at sample 1; allowed 0 and 1. "
        "Try: the dense target, with ignore_index or a mask for what is not known",
    ),
    (
        lambda: LabelLists.cat([made([[0]], 4), made([[0]], 3)]),
        "TH-M06: LabelLists.cat got parts of [3, 4] classes; allowed the same number in all. "
        "Try: num_classes= the same for each part",
    ),
    (
        lambda: made()[1],
        "TH-M06: LabelLists got the row number 1; allowed a slice, row numbers or a mask. "
        "Try: target[1:2], or target.tolist()[1]",
    ),
    (
        lambda: made([[0]], -1),
        "TH-M06: LabelLists got num_classes=-1; allowed a whole number. Try: num_classes=head.num_classes",
    ),
    (
        lambda: LabelLists([0], np.array([0, 1]), C),
        f"TH-M06: LabelLists got a list and a ndarray; allowed two tensors. Try: {FROM_LISTS}",
    ),
    (
        lambda: LabelLists(torch.tensor([0.0]), torch.tensor([0, 1]), C),
        "TH-M06: LabelLists got indices of shape (1,) (torch.float32) and offsets of shape (2,) (torch.int64); "
        f"allowed integers, offsets rising from 0 to the number of indices. Try: {FROM_LISTS}",
    ),
    (
        lambda: made([[0], [1, 4]]),
        "TH-T01: LabelLists got label 4 at sample 1; allowed 0..3 (num_classes=4). "
        "Try: num_classes=5, or labels - 1 if yours start at 1",
    ),
    (
        lambda: made([[0], [1, -4]]),
        "TH-T02: LabelLists got label -4 at sample 1; allowed 0..3 (num_classes=4). Try: leave the label out",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises((TargetError, DataError)) as caught:
        refused()
    assert str(caught.value) == text


@pytest.mark.parametrize(("options", "expected"), [({}, False), ({"non_blocking": True}, True)])
def test_whether_a_move_waits_is_the_callers_choice(monkeypatch, options, expected):
    target, asked = made(), []
    monkeypatch.setattr(torch.Tensor, "to", lambda part, device, **how: asked.append((device, how)) or part)
    assert target.to("cpu", **options).tolist() == LISTS
    assert asked == [("cpu", {"non_blocking": expected})] * 2


def test_lists_are_where_their_multi_hot_is():
    hot = torch.tensor(loop(LISTS))
    with torch.device("meta"):  # where tensors go that say nothing of it
        assert LabelLists.from_multi_hot(hot).tolist() == LISTS


def test_no_class_has_no_label():
    assert made([[], []], 0).multi_hot().shape == (2, 0)
    with pytest.raises(TargetError, match=r"TH-T01: LabelLists got label 0 at sample 0; .*Try: num_classes=1"):
        made([[0]], 0)


def test_one_tensor_is_not_enough():
    for parts in (([0], torch.tensor([0, 1])), (torch.tensor([0]), [0, 1])):
        with pytest.raises(TargetError, match=r"TH-M06: LabelLists got a .* and a .*; allowed two tensors"):
            LabelLists(*parts, C)


def test_what_is_made_of_lists_is_where_they_are():
    target = made()
    with torch.device("meta"):  # where tensors go that say nothing of it
        assert target.multi_hot().is_cpu
        assert target.multi_hot().long().tolist() == loop(LISTS)
        assert target[1:4].tolist() == LISTS[1:4]
