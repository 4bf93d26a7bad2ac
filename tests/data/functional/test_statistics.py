"""Moments against numpy, counts and the prior by hand."""

import numpy as np
import pytest
import torch

from torchheads.data.functional.statistics import (
    Counts,
    channel_moments,
    class_index_counts,
    input_moments,
    label_set_counts,
    smoothed_prior,
    standardise,
)


def test_moments_of_each_channel():
    images = torch.randint(0, 256, (50, 3, 6, 5), dtype=torch.uint8)
    moments = channel_moments(images)
    pixels = images.numpy().astype(np.float64)
    np.testing.assert_allclose(moments.mean.flatten(), pixels.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(moments.deviation.flatten(), pixels.std(axis=(0, 2, 3)), rtol=1e-6)


def test_standardised_images():
    images = torch.randint(0, 256, (50, 3, 6, 5), dtype=torch.uint8)
    before = images.clone()
    result = standardise(images, channel_moments(images))
    assert result.dtype == torch.float32
    assert result.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (result.std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-5
    assert torch.equal(images, before)


def test_float_images_are_not_changed_in_place():
    images = torch.rand(4, 1, 2, 2)
    before = images.clone()
    standardise(images, channel_moments(images))
    assert torch.equal(images, before)


def test_constant_channel_becomes_zero():
    images = torch.full((4, 1, 2, 2), 7, dtype=torch.uint8)
    assert standardise(images, channel_moments(images)).abs().max() == 0


def test_moments_of_each_feature():
    features = torch.randn(50, 4) * torch.tensor([1.0, 10.0, 0.1, 0.0])
    moments = input_moments(features)
    np.testing.assert_allclose(moments.mean, features.numpy().astype(np.float64).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(moments.deviation[:3], features.numpy().astype(np.float64).std(axis=0)[:3], rtol=1e-6)
    assert moments.deviation[3] == 1  # a feature that never changes
    assert standardise(features, moments).mean(dim=0).abs().max() < 1e-5


def test_counts():
    assert class_index_counts(torch.tensor([0, 2, 2]), None, 4).positive.tolist() == [1, 0, 2, 0]
    assert label_set_counts(torch.tensor([[True, False], [True, True]]), None, 2).positive.tolist() == [2, 1]
    assert label_set_counts(torch.zeros(0, 2, dtype=torch.bool), None, 2).positive.tolist() == [0, 0]


def test_what_is_unknown_is_in_no_count():
    known = torch.tensor([True, True, False])
    assert [values.tolist() for values in class_index_counts(torch.tensor([0, 2, 2]), known, 3)] == [[1, 0, 1], [2] * 3]
    target, mask = torch.tensor([[True, False], [True, True]]), torch.tensor([[True, False], [False, True]])
    assert [values.tolist() for values in label_set_counts(target, mask, 2)] == [[1, 1], [1, 1]]


def test_prior_is_never_0_or_1():
    # (0 + 1) / (8 + 2) = 0.1, (8 + 1) / (8 + 2) = 0.9, (3 + 1) / (4 + 2) = 2/3
    prior = smoothed_prior(Counts(torch.tensor([0, 8, 3]), torch.tensor([8, 8, 4])))
    assert prior.tolist() == pytest.approx([0.1, 0.9, 2 / 3])
    assert prior.dtype == torch.float32
