"""`Cnn`: its size, the shapes it reads, and that it learns."""

import pytest
import torch
from torch import nn

from torchheads.backbones import Cnn
from torchheads.errors import HeadConfigError


def test_parameter_count_worked_by_hand():
    # 3x3 convolutions: 9 (1*32 + 32*32 + 32*64 + 64*64 + 64*128 + 128*128) = 285,984
    # batch norm, weight and bias: 2 (32 + 32 + 64 + 64 + 128 + 128) = 896
    assert sum(parameter.numel() for parameter in Cnn((1, 8, 8)).parameters()) == 286_880


def test_convolutions_have_no_bias():
    convolutions = [part for part in Cnn((1, 8, 8)).modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == 6
    assert all(part.bias is None for part in convolutions)


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8, 16, 28])
def test_reads_any_size(side):
    assert Cnn((1, side, side))(torch.rand(2, 1, side, side)).shape == (2, 128)


def test_equals_its_parts_with_pooling_and_mean_written_out():
    torch.manual_seed(0)
    cnn = Cnn((2, 6, 5), widths=(4, 3)).eval()
    batch = torch.randn(2, 2, 6, 5)
    maps = batch
    for place, part in enumerate(cnn.layers):
        if place == 6:  # largest of each 2x2 block, the odd column standing alone: 6x5 -> 3x3
            maps = nn.functional.pad(maps, (0, 1), value=-torch.inf).unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
        else:
            maps = part(maps.contiguous())
    assert cnn.out_features == 3
    torch.testing.assert_close(cnn(batch), maps.sum((2, 3)) / 9)


def test_learns_where_a_bar_points():
    torch.manual_seed(0)
    target = torch.arange(64) % 2
    batch = 0.3 * torch.randn(64, 1, 8, 8)
    place = torch.randint(8, (64,))
    for row, (column, vertical) in enumerate(zip(place, target, strict=True)):
        (batch[row, 0, :, column] if vertical else batch[row, 0, column]).add_(1)
    model = nn.Sequential(Cnn((1, 8, 8), widths=(8, 8, 16)), nn.Linear(16, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), target).backward()
        optimizer.step()
    assert (model.eval()(batch).argmax(1) == target).float().mean() > 0.95


def test_flat_examples_are_refused():
    with pytest.raises(HeadConfigError, match=r"TH-H18: Cnn got examples of shape \(64,\)"):
        Cnn((64,))
