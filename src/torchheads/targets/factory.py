"""Which form the target of a label type has."""

from torchheads.targets.base import LabelType, TargetForm
from torchheads.targets.class_distribution import ClassDistribution
from torchheads.targets.class_index import ClassIndex
from torchheads.targets.label_set import LabelSet, SoftLabelSet

FORMS: dict[tuple[str, bool], type[TargetForm]] = {
    ("single", False): ClassIndex,
    ("single", True): ClassDistribution,
    ("multi", False): LabelSet,
    ("multi", True): SoftLabelSet,
}


def target_form(
    label_type: LabelType, num_classes: int, ignore_index: int | None, owner: str, *, soft: bool = False
) -> TargetForm:
    """The form of a label type's targets, hard or soft.

    Args:
        label_type: "single" or "multi".
        num_classes: number of classes C.
        ignore_index: value that marks what is unknown; None where there is none.
        owner: who reads the target, for messages.
        soft: whether entries may lie between 0 and 1.

    Example:
        >>> type(target_form("multi", 3, None, "SigmoidHead")).__name__
        'LabelSet'
    """
    return FORMS[label_type, soft](num_classes, ignore_index, owner)
