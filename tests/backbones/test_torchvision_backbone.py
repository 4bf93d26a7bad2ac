"""Models of every torchvision family lose their head and keep their features."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from torchheads.backbones import TorchvisionBackbone
from torchheads.backbones.torchvision_backbone import import_models, remove_head
from torchheads.errors import HeadConfigError

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


def test_unknown_name_gets_the_nearest():
    with pytest.raises(HeadConfigError, match=r"TH-H04: unknown torchvision model 'resnet81'.*backbone.name=resnet18"):
        TorchvisionBackbone((1, 8, 8), name="resnet81")
    with pytest.raises(HeadConfigError, match=r"TH-H04: .*Try: backbone.name=resnet18"):
        TorchvisionBackbone((1, 8, 8), name="?")


def test_detection_models_are_not_offered():
    with pytest.raises(HeadConfigError, match="TH-H04"):
        TorchvisionBackbone((3, 64, 64), name="retinanet_resnet50_fpn")


def test_unknown_weights_are_listed():
    with pytest.raises(HeadConfigError, match=r"TH-H04: unknown weights 'best' of resnet18; allowed null, IMAGENET1K"):
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
