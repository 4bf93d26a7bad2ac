"""Canvases against a literal drawing loop, and the distribution of what is on them."""

import time

import torch
from scipy.stats import chisquare

from torchheads.data.functional.composing import canvas_sources, compose_canvases, label_sets


def test_drawing_loop():
    images = torch.randint(1, 17, (7, 1, 3, 5), dtype=torch.uint8)
    target = torch.tensor([0, 1, 2, 0, 1, 2, 4])
    sources = canvas_sources(40, 7, grid=3, count=(0, 9), key=(1, 2))
    canvases, sets = compose_canvases(images, sources), label_sets(target, sources, num_classes=5)
    assert canvases.shape == (40, 1, 9, 15)
    for canvas, labels, cells in zip(canvases, sets, sources.tolist(), strict=True):
        drawn = torch.zeros(9, 15, dtype=torch.uint8)
        for cell, source in enumerate(cells):
            if source >= 0:
                row, column = divmod(cell, 3)
                drawn[3 * row : 3 * row + 3, 5 * column : 5 * column + 5] = images[source, 0]
        assert torch.equal(canvas[0], drawn)
        assert labels.nonzero().flatten().tolist() == sorted({int(target[source]) for source in cells if source >= 0})


def test_number_cells_and_sources_are_uniform():
    sources = canvas_sources(20_000, 10, grid=2, count=(0, 4), key=(0, 0))
    filled = sources >= 0
    assert chisquare(filled.sum(dim=1).bincount(minlength=5).numpy()).pvalue > 1e-3
    assert chisquare(filled.sum(dim=0).numpy()).pvalue > 1e-3
    assert chisquare(sources[filled].bincount(minlength=10).numpy()).pvalue > 1e-3
    # of the canvases with two digits, each of the six pairs of cells is as likely as the next
    pairs = (filled[filled.sum(dim=1) == 2] * torch.tensor([1, 2, 4, 8])).sum(dim=1).bincount(minlength=16)
    assert chisquare(pairs[pairs > 0].numpy()).pvalue > 1e-3
    assert (pairs > 0).sum() == 6


def test_range_of_digits():
    assert (canvas_sources(500, 5, 2, (1, 1), (0, 0)) >= 0).sum(dim=1).unique().tolist() == [1]
    assert (canvas_sources(500, 5, 2, (2, 3), (0, 0)) >= 0).sum(dim=1).unique().tolist() == [2, 3]
    assert (canvas_sources(500, 5, 2, (0, 0), (0, 0)) >= 0).sum() == 0


def test_a_canvas_is_a_function_of_its_key():
    few, many = (canvas_sources(count, 30, 2, (0, 4), key=(3, 1)) for count in (50, 200))
    assert torch.equal(few, many[:50])
    assert not torch.equal(few, canvas_sources(50, 30, 2, (0, 4), key=(4, 1)))
    assert not torch.equal(few, canvas_sources(50, 30, 2, (0, 4), key=(3, 2)))


def test_a_class_that_comes_twice_counts_once():
    sources = torch.tensor([[0, 1, 2, -1]])
    assert label_sets(torch.tensor([3, 3, 1]), sources, num_classes=4).tolist() == [[False, True, False, True]]


def test_ten_thousand_canvases_take_less_than_a_second():
    images = torch.zeros(1000, 1, 8, 8, dtype=torch.uint8)
    start = time.perf_counter()
    compose_canvases(images, canvas_sources(10_000, 1000, 2, (0, 4), (0, 0)))
    assert time.perf_counter() - start < 1
