"""Rules for the rows of an epoch: prepared once, pure, and named in what a resume compares."""

import pytest
import torch

from torchheads.data import ClassAware, KeyedSampler, RepeatFactor, Shard, Shuffled
from torchheads.data.functional.keyed import keyed_order
from torchheads.errors import DataError
from torchheads.targets import LabelLists

RULES = [Shuffled(), ClassAware(), RepeatFactor(threshold=0.5)]
SINGLE = torch.tensor([0] * 20 + [1] * 9 + [2])
MULTI = torch.nn.functional.one_hot(SINGLE, 4).bool()


def test_shuffled_is_the_order_without_a_rule():
    for seed, epoch in ((0, 0), (3, 5)):
        assert torch.equal(Shuffled().prepare(SINGLE).rows(seed, epoch), keyed_order(30, seed, epoch))
        plain, ruled = (KeyedSampler(30, 4, seed, order=order) for order in (None, Shuffled().prepare(MULTI)))
        assert plain.fingerprint() == ruled.fingerprint()
        for sampler in (plain, ruled):
            sampler.set_epoch(epoch)
            assert torch.equal(sampler.rows(), keyed_order(30, seed, epoch))
            assert torch.equal(sampler.keys(), sampler.rows())


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("target", [SINGLE, MULTI, LabelLists.from_multi_hot(MULTI)], ids=["single", "multi", "lists"])
def test_an_order_is_a_pure_function_of_seed_and_epoch(rule, target):
    order = rule.prepare(target)
    first = order.rows(3, 1)
    torch.rand(5)
    order.rows(0, 9)
    assert torch.equal(order.rows(3, 1), first)
    assert torch.equal(rule.prepare(target).rows(3, 1), first)
    assert len(first) == 30
    assert first.min() >= 0
    assert first.max() < 30
    assert not torch.equal(order.rows(3, 2), first)
    assert not torch.equal(order.rows(4, 1), first)


def test_class_indices_and_their_one_hots_have_one_order():
    for rule in RULES:
        assert torch.equal(rule.prepare(SINGLE).rows(1, 2), rule.prepare(MULTI).rows(1, 2))


def test_class_aware_levels_the_classes_and_repeat_factor_half_way():
    shares = [SINGLE[rule.prepare(SINGLE).rows(0, 0)].bincount(minlength=3).tolist() for rule in RULES]
    assert shares[0] == [20, 9, 1]
    assert shares[1] == [10, 10, 10]
    # r = 1, sqrt(.5 / .3), sqrt(.5 x 30): 30 x (20, 11.6, 3.9) / 35.5
    assert shares[2] == [pytest.approx(16.9, abs=1.1), pytest.approx(9.8, abs=1.1), pytest.approx(3.3, abs=1)]


def test_empty_sets_take_turns():
    target = torch.cat([MULTI[:10], torch.zeros(2, 4, dtype=torch.bool)])
    order = ClassAware().prepare(target).rows(0, 0)
    assert (~target[order].any(dim=1)).sum() == 6
    unknown = ClassAware().prepare(torch.tensor([0, 0, 0, -1])).rows(0, 0)
    assert (unknown == 3).sum() == 2
    assert len(ClassAware().prepare(torch.zeros(5, 3, dtype=torch.bool)).rows(0, 0).unique()) == 5


def test_what_is_masked_is_not_counted():
    known = torch.ones_like(MULTI)
    known[:20, 0] = False
    drawn = ClassAware().prepare(MULTI, known).rows(0, 0)  # classes 1, 2, and rows without any
    assert [int(((drawn >= low) & (drawn < high)).sum()) for low, high in ((0, 20), (20, 29), (29, 30))] == [10, 10, 10]
    # label 2 in 1 of 5 rows that know about it: r = sqrt(.8 / .2) = 2, and 30 x 2 / 31 draws
    known = torch.zeros_like(MULTI)
    known[25:, 2] = True
    counts = [int((RepeatFactor(0.8).prepare(MULTI, known).rows(0, epoch) == 29).sum()) for epoch in range(200)]
    assert sum(counts) / 200 == pytest.approx(60 / 31, abs=0.08)


def test_unknown_class_indices_are_not_counted():
    # class 1 in 1 of 4 known rows: r = 2 of 9, and 8 draws
    target = torch.tensor([0, 0, 0, 1, -1, -1, -1, -1])
    for case in ((target, None), (target.clamp(min=0), target >= 0)):
        counts = [int((RepeatFactor(1.0).prepare(*case).rows(0, epoch) == 3).sum()) for epoch in range(200)]
        weights = [(4 / 3) ** 0.5] * 3 + [2.0] + [1.0] * 4
        assert sum(counts) / 200 == pytest.approx(8 * 2 / sum(weights), abs=0.11)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_ranks_share_an_order(rule):
    order = rule.prepare(SINGLE)
    ranks = [KeyedSampler(30, 5, 0, shard=Shard(rank, 3), order=order) for rank in range(3)]
    whole = KeyedSampler(30, 15, 0, order=order)
    for name in ("rows", "keys"):
        first = torch.cat([getattr(rank, name)()[:5] for rank in ranks])
        assert torch.equal(first, getattr(whole, name)()[:15])


def test_keys_tell_copies_of_a_row_apart():
    sampler = KeyedSampler(30, 4, 0, order=ClassAware().prepare(SINGLE))
    assert torch.equal(sampler.keys() % 30, sampler.rows())
    assert len(sampler.keys().unique()) == 30
    assert sorted(sampler.keys()[sampler.rows() == 29].tolist()) == [29 + 30 * copy for copy in range(10)]


def test_the_rule_is_in_the_fingerprint():
    prints = [KeyedSampler(30, 4, 0, order=rule.prepare(SINGLE)).fingerprint() for rule in RULES]
    assert [each["order"] for each in prints] == ["Shuffled()", "ClassAware()", "RepeatFactor(threshold=0.5)"]
    other = KeyedSampler(30, 4, 0, order=RepeatFactor(0.25).prepare(SINGLE)).fingerprint()
    assert other != prints[2]


@pytest.mark.parametrize("rule", RULES[1:], ids=repr)
def test_several_tasks(rule):
    target = {"species": SINGLE, "tags": MULTI}
    with pytest.raises(DataError, match=r"several tasks \(species, tags\)") as caught:
        rule.prepare(target)
    assert caught.value.code == "D31"
    assert len(Shuffled().prepare(target).rows(0, 0)) == 30


@pytest.mark.parametrize("threshold", [0, -0.1, 1.5, float("nan"), float("inf"), "0.1", None, True])
def test_threshold_out_of_range(threshold):
    with pytest.raises(DataError, match=r"sampling\.threshold=") as caught:
        RepeatFactor(threshold)
    assert caught.value.code == "D34"
