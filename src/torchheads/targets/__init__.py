"""Target forms: what the labels of one example look like, per label type."""

from torchheads.targets.base import LabelType, TargetForm, TargetRows
from torchheads.targets.class_distribution import ClassDistribution
from torchheads.targets.class_index import ClassIndex
from torchheads.targets.label_set import LabelSet, SoftLabelSet

__all__ = ["ClassDistribution", "ClassIndex", "LabelSet", "LabelType", "SoftLabelSet", "TargetForm", "TargetRows"]
