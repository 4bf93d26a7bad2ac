"""Repeated rows by hand and against a slow loop over all pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchheads.data.functional import digests
from torchheads.data.functional.digests import digest, repeats_between, repeats_within, row_digests

CONTENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), max_size=12)


def keys(contents):
    """Digests of inputs and of labels."""
    return tuple(np.array([content[place] for content in contents], dtype=np.uint64) for place in (0, 1))


@given(CONTENTS)
def test_within_a_split_against_all_pairs(contents):
    repeated = [row for row in range(len(contents)) if contents[row][0] in [c[0] for c in contents[:row]]]
    originals = [[c[0] for c in contents].index(contents[row][0]) for row in repeated]
    relabelled = sum(contents[row][1] != contents[one][1] for row, one in zip(repeated, originals, strict=True))
    found = repeats_within(*keys(contents))
    assert found == (len(repeated), relabelled, list(zip(originals, repeated, strict=True))[:3])


@given(CONTENTS, CONTENTS)
def test_between_splits_against_all_pairs(one, other):
    inputs = [content[0] for content in one]
    shared = [(inputs.index(content[0]), row) for row, content in enumerate(other) if content[0] in inputs]
    relabelled = sum(one[first][1] != other[second][1] for first, second in shared)
    assert repeats_between(*keys(one), *keys(other)) == (len(shared), relabelled, shared[:3])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bool, torch.int64])
def test_a_row_is_told_by_every_value(dtype, monkeypatch):
    monkeypatch.setattr(digests, "BLOCK", 2)
    rows = torch.zeros(5, 3, 4, dtype=dtype)
    rows[1, 2, 3] = rows[2, 0, 0] = rows[4, 2, 3] = 1
    found = row_digests(rows)
    assert found.dtype == np.uint64
    assert found[0] == found[3]
    assert found[1] == found[4]
    assert len(set(found.tolist())) == 3


def test_the_layout_in_memory_does_not_matter():
    rows = torch.arange(48).view(4, 3, 4)
    assert row_digests(rows).tolist() == row_digests(rows.mT.contiguous().mT).tolist()


def test_no_rows():
    assert row_digests(torch.zeros(0, 3)).shape == (0,)
    nothing = np.zeros(0, dtype=np.uint64)
    assert repeats_within(nothing, nothing).rows == 0
    assert repeats_between(nothing, nothing, np.ones(2, dtype=np.uint64), np.ones(2, dtype=np.uint64)).rows == 0


def test_a_digest_is_the_same_in_every_process():
    # blake2b of "a" with 8 bytes, by the command line: printf a | b2sum -l 64
    assert digest(b"a").to_bytes(8, "little").hex() == "40f89e395b66422f"
