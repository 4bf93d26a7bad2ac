"""Models of timm lose their classifier; what their weights expect is what timm's own transform does."""

import socket
import sys

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms.functional import pil_to_tensor

from torchheads.backbones import TimmBackbone
from torchheads.backbones.timm_backbone import import_timm
from torchheads.errors import HeadConfigError
from torchheads.images import ImageFormat

HALF = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "width"),
    [("resnet18", 512), ("convnext_atto", 320), ("mobilenetv3_small_050", 1024), ("vit_tiny_patch16_224", 192)],
)
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 48, 48), (5, 32, 32)])
def test_width_is_found_and_a_training_step_reaches_the_first_layer(name, width, shape):
    torch.manual_seed(0)
    backbone = TimmBackbone(shape, name=name)
    assert backbone.training
    features = backbone(torch.rand(2, *shape))
    assert features.shape == (2, width) == (2, backbone.out_features)
    features.square().sum().backward()
    assert next(backbone.parameters()).grad is not None


def test_features_are_what_the_classifier_of_timm_reads():
    torch.manual_seed(0)
    whole = import_timm().create_model("mobilenetv3_small_050", in_chans=1).eval()
    backbone = TimmBackbone((1, 32, 32), name="mobilenetv3_small_050").eval()
    backbone.model.load_state_dict(
        {name: value for name, value in whole.state_dict().items() if not name.startswith("classifier.")}
    )
    batch = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(whole.classifier(backbone(batch)), whole(batch))


def test_building_leaves_the_running_statistics_alone():
    backbone = TimmBackbone((1, 8, 8))
    assert all(part.num_batches_tracked == 0 for part in backbone.modules() if isinstance(part, nn.BatchNorm2d))


def test_published_weights_are_fitted_to_the_channels(monkeypatch):
    timm = import_timm()
    published = timm.create_model("resnet18").state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *args, **kwargs: dict(published))
    backbone = TimmBackbone((1, 32, 32), name="resnet18", weights="DEFAULT")
    assert torch.equal(backbone.model.layer1[0].conv1.weight, published["layer1.0.conv1.weight"])
    torch.testing.assert_close(backbone.model.conv1.weight, published["conv1.weight"].sum(1, keepdim=True))


# two sets of weights of one model, one of another share of the picture, of another mean, of another size
EXPECTED = ["resnet18.a1_in1k", "resnet18.tv_in1k", "convnextv2_atto", "vit_tiny_patch16_224", "tinynet_e"]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_weights_expect_is_what_timms_own_transform_does(name):
    timm = import_timm()
    settings = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    expected = TimmBackbone.expects(input_shape="???", name=name, weights="DEFAULT", freeze=True)
    expected.check()
    torch.manual_seed(0)
    picture = Image.fromarray(torch.randint(256, (400, 500, 3), dtype=torch.uint8).numpy())
    height, width = expected.resize, int(expected.resize * 500 / 400)
    scaled = picture.resize((width, height), getattr(Image.Resampling, expected.interpolation.upper()))
    top, left = (round((length - side) / 2) for length, side in zip((height, width), expected.size, strict=True))
    pixels = pil_to_tensor(scaled)[:, top : top + expected.size[0], left : left + expected.size[1]] / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (expected.mean, expected.deviation))
    torch.testing.assert_close((pixels - mean) / deviation, timm.data.create_transform(**settings)(picture))


def test_what_weights_expect_by_hand():
    seen = TimmBackbone.expects(name="vit_tiny_patch16_224", weights="weights.safetensors")
    assert seen == ImageFormat((224, 224), 3, 248, "bicubic", HALF, HALF)  # 224 / 0.9, rounded down
    squashed = TimmBackbone.expects(name="maxvit_tiny_tf_384.in1k", weights="DEFAULT")
    assert squashed == ImageFormat((384, 384), 3, None, "bicubic", HALF, HALF)
    assert TimmBackbone.expects(name="resnet18") == TimmBackbone.expects() == ImageFormat()


def test_unknown_names_get_the_nearest():
    with pytest.raises(HeadConfigError, match=r"TH-H04: unknown timm model 'resnet81'.*Try: backbone\.name=resnet"):
        TimmBackbone((3, 32, 32), name="resnet81")
    with pytest.raises(HeadConfigError, match=r"TH-H04: .*'resnet18\.tv_in1'.*Try: backbone\.name=resnet18\.tv_in1k"):
        TimmBackbone.expects(name="resnet18.tv_in1")
    with pytest.raises(HeadConfigError, match=r"TH-H04: .*'hf-hub:someone/model'"):
        TimmBackbone((3, 32, 32), name="hf-hub:someone/model")


def test_unknown_weights():
    with pytest.raises(HeadConfigError, match=r"TH-H04: unknown weights 'best' of resnet18; allowed null, DEFAULT or"):
        TimmBackbone((3, 32, 32), weights="best")
    with pytest.raises(HeadConfigError, match=r"TH-H04: unknown weights 'DEFAULT' of resnet50t; allowed null or,"):
        TimmBackbone((3, 32, 32), name="resnet50t", weights="DEFAULT")


def test_images_that_it_cannot_read():
    with pytest.raises(HeadConfigError, match=r"TH-H18: vit_tiny_patch16_224 cannot read images of shape \(3, 8, 8\)"):
        TimmBackbone((3, 8, 8), name="vit_tiny_patch16_224")
    with pytest.raises(HeadConfigError, match=r"TH-H18: TimmBackbone got examples of shape \(64,\)"):
        TimmBackbone((64,))


def test_features_that_are_no_rows(monkeypatch):
    monkeypatch.setattr("torchheads.backbones.timm_backbone.build", lambda *args: nn.Identity())
    with pytest.raises(HeadConfigError, match=r"TH-H18: resnet18 without its classifier gives shape \(1, 3, 8, 8\)"):
        TimmBackbone((3, 8, 8))


def test_h31_weights_that_do_not_arrive(monkeypatch):
    def refused(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", refused)
    with pytest.raises(HeadConfigError, match=r"TH-H31: the weights DEFAULT of resnet18 cannot be downloaded \(no"):
        TimmBackbone((3, 32, 32), weights="DEFAULT")


def test_h32_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    for use in (TimmBackbone.expects, lambda: TimmBackbone((3, 32, 32))):
        with pytest.raises(HeadConfigError, match=r"TH-H32: .*needs the package timm.*Try: pip install 'torchheads"):
            use()
