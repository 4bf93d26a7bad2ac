"""Small judged cases, with ties and with entries that are not known, and what sets are worth, one entry at a time."""

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis.extra import numpy as st_numpy

from torchheads.decisions.functional.curves import Counts

FEW = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])  # so that ties are common


def f1(counts):
    denominator = counts.taken + counts.positives
    return (2 * counts.hits / denominator).where(denominator > 0, 0)


def gain(counts):
    return counts.hits - 0.375 * counts.taken  # exact in binary: ties are ties


VALUES = {"f1": f1, "gain": gain}


@st.composite
def judged(draw, least_rows=1):
    shape = draw(st.tuples(st.integers(least_rows, 6), st.integers(1, 4)))
    scores = draw(
        st_numpy.arrays(np.float32, shape, elements=draw(st.sampled_from([FEW, st.floats(-50, 50, width=32)])))
    )
    target = draw(st_numpy.arrays(np.bool_, shape))
    known = draw(st.none() | st_numpy.arrays(np.bool_, shape))
    return torch.from_numpy(scores), torch.from_numpy(target), None if known is None else torch.from_numpy(known)


def worth(chosen, target, known, value):
    """What sets are worth to each class, one entry at a time."""
    values = []
    for c in range(chosen.shape[1]):
        rows = [i for i in range(len(chosen)) if known is None or known[i, c]]
        hits = sum(bool(chosen[i, c] and target[i, c]) for i in rows)
        numbers = (hits, sum(bool(chosen[i, c]) for i in rows), sum(bool(target[i, c]) for i in rows))
        values.append(float(value(Counts(*(torch.tensor(float(number)) for number in numbers)))))
    return values
