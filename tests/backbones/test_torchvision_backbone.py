"""Models of every torchvision family lose their head and keep their features."""

import subprocess
import sys

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms.functional import pil_to_tensor

from torchheads.backbones import TorchvisionBackbone
from torchheads.backbones.torchvision_backbone import import_models, remove_head
from torchheads.errors import HeadConfigError
from torchheads.images import ImageFormat

# Width of the features as each paper has it, at a size that the model can read.
SMALL = [("resnet18", 512, 8), ("regnet_x_400mf", 400, 8), ("squeezenet1_1", 512, 32), ("googlenet", 1024, 32)]
LARGE = [
    ("alexnet", 4096, 64),
    ("convnext_tiny", 768, 32),
    ("densenet121", 1024, 32),
    ("efficientnet_b0", 1280, 8),
    ("inception_v3", 2048, 80),
    ("maxvit_t", 512, 224),
    ("mnasnet0_5", 1280, 8),
    ("mobilenet_v2", 1280, 8),
    ("mobilenet_v3_small", 1024, 8),
    ("shufflenet_v2_x0_5", 1024, 8),
    ("swin_t", 768, 8),
    ("swin_v2_t", 768, 8),
    ("vgg11", 4096, 32),
    ("vit_b_32", 768, 32),
]


@pytest.mark.parametrize(("name", "width", "side"), SMALL)
def test_width_is_found_and_a_training_step_reaches_the_first_layer(name, width, side):
    torch.manual_seed(0)
    backbone = TorchvisionBackbone((1, side, side), name=name)
    assert backbone.out_features == width
    assert backbone.training
    features = backbone(torch.rand(2, 1, side, side))
    assert features.shape == (2, width)
    features.square().sum().backward()
    assert next(backbone.parameters()).grad is not None


@pytest.mark.parametrize(("name", "width", "side"), LARGE)
def test_every_family_without_taking_memory(name, width, side):
    with torch.device("meta"):
        backbone = TorchvisionBackbone((3, side, side), name=name)
        assert backbone.out_features == width
        assert backbone(torch.rand(2, 3, side, side)).shape == (2, width)


def test_features_are_what_the_last_layer_of_torchvision_reads():
    torch.manual_seed(0)
    backbone = TorchvisionBackbone((1, 8, 8), name="resnet18").eval()
    torch.manual_seed(0)
    whole = import_models().resnet18().eval()
    batch = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(whole.fc(backbone(batch)), whole(torch.cat([batch] * 3, dim=1)))


def test_building_leaves_the_running_statistics_alone():
    backbone = TorchvisionBackbone((1, 8, 8))
    assert all(part.num_batches_tracked == 0 for part in backbone.modules() if isinstance(part, nn.BatchNorm2d))


def test_resize_lets_a_transformer_read_digits():
    with pytest.raises(HeadConfigError, match=r"TH-H18: vit_b_32 cannot read .*\(1, 8, 8\).*Try: backbone.resize=224"):
        TorchvisionBackbone((1, 8, 8), name="vit_b_32")
    with torch.device("meta"):
        backbone = TorchvisionBackbone((1, 8, 8), name="vit_b_32", resize=32)
        assert backbone(torch.rand(2, 1, 8, 8)).shape == (2, 768)


def test_weights_by_name_arrive_in_the_backbone(monkeypatch):
    models = import_models()
    published = models.squeezenet1_1().state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: published)
    backbone = TorchvisionBackbone((3, 32, 32), name="squeezenet1_1", weights="DEFAULT")
    assert torch.equal(backbone.model.features[0].weight, published["features.0.weight"])


def test_the_input_of_the_oldest_models_is_scaled_with_and_without_published_weights(monkeypatch):
    models = import_models()
    published = models.googlenet(init_weights=True).state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: published)
    trained = TorchvisionBackbone((3, 32, 32), name="googlenet", weights="DEFAULT").eval()
    again = TorchvisionBackbone((3, 32, 32), name="googlenet").eval()  # as a checkpoint of the first is opened
    again.load_state_dict(trained.state_dict())
    batch = torch.rand(2, 3, 32, 32)
    assert torch.equal(again(batch), trained(batch))
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pixels = batch * deviation + mean
    trained.model.transform_input = False
    torch.testing.assert_close(trained((pixels - 0.5) / 0.5), again(batch), rtol=1e-4, atol=1e-5)


MODELS = ["resnet18", "vit_b_16", "convnext_tiny", "efficientnet_b3", "swin_v2_t", "inception_v3"]


@pytest.mark.parametrize("weights", ["DEFAULT", "IMAGENET1K_V1", "folder/weights.safetensors"])
@pytest.mark.parametrize("name", MODELS)
def test_what_weights_expect_is_what_their_own_transform_does(name, weights):
    key = "DEFAULT" if "/" in weights else weights
    transform = import_models().get_model_weights(name)[key].transforms()
    expected = TorchvisionBackbone.expects(input_shape="???", name=name, weights=weights, resize=None, freeze=True)
    expected.check()
    torch.manual_seed(0)
    picture = Image.fromarray(torch.randint(256, (400, 500, 3), dtype=torch.uint8).numpy())
    height, width = (side * expected.resize // 400 for side in (400, 500))
    scaled = picture.resize((width, height), getattr(Image.Resampling, expected.interpolation.upper()))
    top, left = (round((length - side) / 2) for length, side in zip((height, width), expected.size, strict=True))
    pixels = pil_to_tensor(scaled)[:, top : top + expected.size[0], left : left + expected.size[1]] / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (expected.mean, expected.deviation))
    wanted = transform(picture)
    assert wanted.shape == (expected.channels, *expected.size)
    torch.testing.assert_close((pixels - mean) / deviation, wanted)


def test_what_weights_expect_by_hand():
    seen = TorchvisionBackbone.expects(name="efficientnet_b3", weights="DEFAULT")
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    assert seen == ImageFormat((300, 300), 3, 320, "bicubic", mean, deviation)
    assert TorchvisionBackbone.expects(name="vit_b_16", weights="IMAGENET1K_SWAG_E2E_V1").size == (384, 384)
    assert TorchvisionBackbone.expects(name="resnet18", weights="DEFAULT", resize=64) == ImageFormat(
        channels=3, mean=mean, deviation=deviation
    )
    assert TorchvisionBackbone.expects(name="resnet18") == TorchvisionBackbone.expects() == ImageFormat()
    assert TorchvisionBackbone.expects(name="resnet18", weights=None, resize=64) == ImageFormat()


def test_expecting_builds_and_reads_nothing(monkeypatch):
    for name in ("get_model", "resnet18"):
        monkeypatch.setattr(import_models(), name, None)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", None)
    assert TorchvisionBackbone.expects(name="resnet18", weights="missing.pth").resize == 256
    with pytest.raises(HeadConfigError, match="TH-H04: unknown weights 'best'"):
        TorchvisionBackbone.expects(name="resnet18", weights="best")
    with pytest.raises(HeadConfigError, match="TH-H04: unknown torchvision model"):
        TorchvisionBackbone.expects(name="resnet81", weights="DEFAULT")


def test_unknown_name_gets_the_nearest():
    with pytest.raises(HeadConfigError, match=r"TH-H04: unknown torchvision model 'resnet81'.*backbone.name=resnet18"):
        TorchvisionBackbone((1, 8, 8), name="resnet81")
    with pytest.raises(HeadConfigError, match=r"TH-H04: .*Try: backbone.name=resnet18"):
        TorchvisionBackbone((1, 8, 8), name="?")


def test_detection_models_are_not_offered():
    with pytest.raises(HeadConfigError, match="TH-H04"):
        TorchvisionBackbone((3, 64, 64), name="retinanet_resnet50_fpn")


def test_unknown_weights_are_listed():
    with pytest.raises(HeadConfigError, match=r"TH-H04: .* allowed null, IMAGENET1K_V1, DEFAULT, or a file"):
        TorchvisionBackbone((1, 8, 8), weights="best")


def test_other_channel_counts_and_sizes_are_refused():
    with pytest.raises(HeadConfigError, match="TH-H18: resnet18 got images of 4 channels; allowed 1 or 3"):
        TorchvisionBackbone((4, 8, 8))
    with pytest.raises(HeadConfigError, match="TH-H18: resize="):
        TorchvisionBackbone((1, 8, 8), resize=0)


def test_a_model_without_a_classifier_is_refused():
    with pytest.raises(HeadConfigError, match="TH-H18: Sequential has no layer with 1000 outputs"):
        remove_head(nn.Sequential(nn.Linear(3, 4)))


def test_a_head_in_the_wrong_place_is_found_by_the_dry_run(monkeypatch):
    monkeypatch.setattr("torchheads.backbones.torchvision_backbone.remove_head", lambda model: 512)
    with pytest.raises(HeadConfigError, match=r"TH-H18: .* gives shape \(1, 1000\); expected \(1, 512\)"):
        TorchvisionBackbone((1, 8, 8))


def test_torchvision_is_imported_on_first_use_only():
    code = "import sys, torchheads.backbones; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
