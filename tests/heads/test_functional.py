"""Half precision becomes full precision, and nothing else changes."""

import pytest
import torch

from torchheads.heads.functional import full_precision


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_full_precision(dtype, expected):
    values = torch.randn(3).to(dtype)
    assert full_precision(values).dtype == expected
    assert torch.equal(full_precision(values).to(dtype), values)
