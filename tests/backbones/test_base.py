"""The promise of every backbone, kept by each of them."""

from functools import partial

import pytest
import torch

from torchheads.backbones import Backbone, Cnn, IdentityBackbone, Mlp, TimmBackbone, TorchvisionBackbone
from torchheads.backbones.base import dry_run, image_shape, positive_sizes
from torchheads.errors import HeadConfigError
from torchheads.images import ImageFormat

ALL = [
    IdentityBackbone,
    Mlp,
    Cnn,
    partial(TorchvisionBackbone, name="shufflenet_v2_x0_5"),
    partial(TimmBackbone, name="lcnet_035"),
]
NAMES = ["identity", "mlp", "cnn", "torchvision", "timm"]


@pytest.mark.parametrize("backbone", ALL, ids=NAMES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 12)])
def test_maps_a_batch_to_rows_of_out_features(backbone, shape):
    torch.manual_seed(0)
    built = backbone(shape)
    assert built.input_shape == shape
    assert built(torch.rand(4, *shape)).shape == (4, built.out_features)


@pytest.mark.parametrize("backbone", ALL, ids=NAMES)
def test_same_seed_gives_the_same_weights(backbone):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(backbone((1, 8, 8)).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("backbone", ALL, ids=NAMES)
def test_examples_do_not_see_each_other_in_evaluation(backbone):
    torch.manual_seed(0)
    built = backbone((1, 8, 8)).eval()
    batch = torch.rand(3, 1, 8, 8)
    alone = torch.cat([built(example[None]) for example in batch])
    torch.testing.assert_close(built(batch), alone, rtol=1e-4, atol=1e-5)


def test_a_backbone_without_forward_cannot_be_built():
    class Unfinished(Backbone):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Unfinished((1, 8, 8))


def test_repr_shows_the_shapes():
    assert "input_shape=(1, 8, 8), out_features=64" in repr(IdentityBackbone([1, 8, 8]))


@pytest.mark.parametrize("backbone", [IdentityBackbone, Mlp, Cnn])
def test_any_picture_will_do_unless_a_backbone_says_otherwise(backbone):
    assert backbone.expects(input_shape="???", widths=[3], freeze=True) == ImageFormat()


def test_a_dry_run_gives_the_shape_and_leaves_the_statistics_alone():
    backbone = Cnn((3, 8, 8))
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    assert dry_run(backbone) == (1, 128)
    assert backbone.training
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize("shape", [(0, 8, 8), (1, -8, 8), (1.0, 8, 8), (True, 8), "188"])
def test_bad_input_shapes_are_refused(shape):
    with pytest.raises(HeadConfigError, match=r"TH-H18: input_shape=.*positive whole numbers.*Try: input_shape="):
        IdentityBackbone(shape)


def test_positive_sizes_takes_any_sequence():
    assert positive_sizes("hidden", [4, 2]) == (4, 2)
    assert positive_sizes("hidden", []) == ()


def test_image_shape_names_the_backbone_that_wants_images():
    assert image_shape("Cnn", (3, 4, 5)) == (3, 4, 5)
    with pytest.raises(HeadConfigError, match=r"TH-H18: Cnn got examples of shape \(64,\).*Try: backbone=mlp"):
        image_shape("Cnn", (64,))
