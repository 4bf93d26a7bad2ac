"""Target forms: what the labels of one example look like, per label type."""

from torchheads.targets.base import LabelType, PlainTarget, Target, TargetForm, TargetRows, densified, plain_target
from torchheads.targets.class_distribution import ClassDistribution
from torchheads.targets.class_index import ClassIndex
from torchheads.targets.factory import target_form
from torchheads.targets.label_lists import LabelLists
from torchheads.targets.label_set import LabelSet, SoftLabelSet
from torchheads.targets.mixed_target import MixedTarget
from torchheads.targets.named import each, named, prefixed

__all__ = [
    "ClassDistribution",
    "ClassIndex",
    "LabelLists",
    "LabelSet",
    "LabelType",
    "MixedTarget",
    "PlainTarget",
    "SoftLabelSet",
    "Target",
    "TargetForm",
    "TargetRows",
    "densified",
    "each",
    "named",
    "plain_target",
    "prefixed",
    "target_form",
]
