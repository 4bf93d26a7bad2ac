"""Which form the target of a label type has."""

import itertools

import pytest
import torch

from torchheads.errors import TargetError
from torchheads.targets import ClassDistribution, ClassIndex, LabelSet, SoftLabelSet, target_form
from torchheads.targets.factory import FORMS

EXPECTED = {
    ("single", False): ClassIndex,
    ("single", True): ClassDistribution,
    ("multi", False): LabelSet,
    ("multi", True): SoftLabelSet,
}


@pytest.mark.parametrize(("label_type", "soft"), EXPECTED)
def test_form_of_a_label_type(label_type, soft):
    form = target_form(label_type, 3, -1, "SomeHead", soft=soft)
    assert type(form) is EXPECTED[label_type, soft]
    assert form.label_type == label_type
    assert (form.num_classes, form.ignore_index, form.owner) == (3, -1, "SomeHead")


def test_hard_unless_asked():
    assert type(target_form("single", 3, None, "SomeHead")) is ClassIndex
    assert type(target_form("multi", 3, None, "SomeHead")) is LabelSet


def test_every_choice_there_is():
    assert set(FORMS) == set(itertools.product(["single", "multi"], [False, True]))


@pytest.mark.parametrize(("label_type", "soft"), EXPECTED)
def test_the_owner_is_named(label_type, soft):
    with pytest.raises(TargetError, match="SomeHead got"):
        target_form(label_type, 3, None, "SomeHead", soft=soft).check_form(torch.zeros(2, 5), torch.zeros(2, 3))
