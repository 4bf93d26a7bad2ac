"""Backbones turn a batch of inputs into one row of features per example; a head reads the features."""

from torchheads.backbones.base import Backbone
from torchheads.backbones.cnn import Cnn
from torchheads.backbones.identity import IdentityBackbone
from torchheads.backbones.mlp import Mlp
from torchheads.backbones.timm_backbone import TimmBackbone
from torchheads.backbones.torchvision_backbone import TorchvisionBackbone

__all__ = ["Backbone", "Cnn", "IdentityBackbone", "Mlp", "TimmBackbone", "TorchvisionBackbone"]
