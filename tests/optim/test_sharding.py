"""What is put together at a time, and weights as they are loaded; two ranks are in tests/test_fsdp.py."""

import pytest
import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

from torchheads import SigmoidHead, SoftmaxHead
from torchheads.backbones import Backbone, Cnn, Mlp, TorchvisionBackbone
from torchheads.errors import HeadConfigError
from torchheads.heads import shard_classes
from torchheads.optim.sharding import blocks, is_shared, load_weights, make_contiguous, share_weights


@pytest.fixture
def mesh(tmp_path):
    """Of one rank, which is enough to see who holds what; without TCP."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield init_device_mesh("cpu", (1, 1))
    torch.distributed.destroy_process_group()


class Listed(Backbone):
    """Stages that are a list without a forward pass of its own, and loose weights."""

    def __init__(self):
        super().__init__((4,))
        self.token = nn.Parameter(torch.zeros(4))
        self.many = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.out_features = 4

    def forward(self, input):
        return self.block(self.many[1](self.many[0](input + self.token)))


class Small(Cnn):
    """Kernels that lie channels last, and batch norm."""

    def __init__(self):
        super().__init__((1, 8, 8), widths=(8, 4))


def test_blocks_are_stages_with_a_forward_pass():
    network = TorchvisionBackbone((3, 32, 32), name="resnet18")
    assert list(blocks(network)) == [
        network.model.layer1,
        network.model.layer2,
        network.model.layer3,
        network.model.layer4,
    ]
    listed = Listed()
    assert list(blocks(listed)) == [listed.block]
    for backbone in (Cnn((1, 8, 8)), Mlp((1, 8, 8)), nn.Linear(3, 2)):
        assert list(blocks(backbone)) == []


@pytest.mark.parametrize(("kind", "path"), [(Small, "dense"), (Small, "chunked"), (Listed, "dense")])
def test_shared_weights_give_the_same_loss_gradients_and_names(mesh, kind, path):
    made = [(kind(), SigmoidHead(4, 3, path=path)) for _ in range(2)]
    for whole, part in zip(made[0], made[1], strict=True):
        part.load_state_dict(whole.state_dict())
    share_weights(*made[1], mesh)
    share_weights(*made[1], mesh)
    assert [type(part).__name__ for part in made[1]] == [kind.__name__, "SigmoidHead"]
    assert isinstance(made[1][1], SigmoidHead)
    inputs, target = torch.randn(6, *made[0][0].input_shape), torch.rand(6, 3) < 0.5
    losses = [head.loss(backbone(inputs), target) for backbone, head in made]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[1], losses[0])
    for whole, part in zip(made[0], made[1], strict=True):
        for (name, expected), found in zip(whole.named_parameters(), part.parameters(), strict=True):
            assert isinstance(found, DTensor), name
            torch.testing.assert_close(found.grad.to_local(), expected.grad, msg=name)


def test_whole_weights_are_loaded_into_shared_ones(mesh):
    backbone, head = nn.Flatten(), SoftmaxHead(4, 3)
    share_weights(backbone, head, mesh)
    assert is_shared(head)
    state = {"classifier.weight": torch.full((3, 4), 0.5), "classifier.bias": torch.arange(3.0)}
    load_weights(head, head.state_dict() | state)
    assert head.classifier.bias.to_local().tolist() == [0.0, 1.0, 2.0]
    assert head(torch.ones(1, 4)).tolist() == [[2.0, 3.0, 4.0]]
    assert isinstance(head.classifier.weight, DTensor)  # after an evaluation too


def test_classes_that_are_shared_out_already_are_refused(mesh):
    head = SoftmaxHead(4, 3)
    shard_classes(head, init_device_mesh("cpu", (1,)))
    with pytest.raises(HeadConfigError, match=r"TH-H25: trainer=fsdp .*Try: one of the two"):
        share_weights(nn.Linear(4, 4), head, mesh)


def test_whole_weights_are_loaded_into_whole_ones():
    head = SoftmaxHead(4, 3)
    load_weights(head, head.state_dict() | {"classifier.bias": torch.arange(3.0)})
    assert head.classifier.bias.tolist() == [0.0, 1.0, 2.0]


def test_kernels_are_laid_out_anew_with_the_same_values():
    network = Cnn((1, 8, 8))
    before = [parameter.clone() for parameter in network.parameters()]
    assert not all(parameter.is_contiguous() for parameter in network.parameters())
    make_contiguous(network)
    assert all(parameter.is_contiguous() for parameter in network.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))
