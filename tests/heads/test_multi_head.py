"""Several heads on the same features: the sum of what each does alone, and errors that name the head."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn

from torchheads import BinaryCrossEntropy, CrossEntropy, MixedTarget, MultiHead, SigmoidHead, SoftmaxHead
from torchheads.errors import HeadConfigError, NonFiniteError, TargetError, TorchHeadsWarning
from torchheads.heads import named_heads

N, D = 6, 5


def heads(**options):
    made = {"species": SoftmaxHead(D, 4, **options), "attributes": SigmoidHead(D, 3, **options)}
    for head in made.values():
        nn.init.normal_(head.classifier.weight)
    return made


def target():
    return {"species": torch.arange(N) % 4, "attributes": (torch.rand(N, 3) < 0.5).float()}


def test_logits_scores_probabilities_and_predictions_are_those_of_each_head():
    parts, features = heads(), torch.randn(N, D)
    multi = MultiHead(parts)
    logits = multi(features)
    for name, head in parts.items():
        assert torch.equal(logits[name], head(features))
        for answer in ("scores", "probabilities", "predict"):
            assert torch.equal(getattr(multi, answer)(logits)[name], getattr(head, answer)(logits[name])), answer


def test_the_loss_is_the_weighted_sum_where_everything_is_known():
    parts, features, targets = heads(), torch.randn(N, D), target()
    multi = MultiHead(parts, {"attributes": 0.25})
    assert multi.loss_weights == {"species": 1.0, "attributes": 0.25}
    expected = parts["species"].loss(features, targets["species"]) + 0.25 * parts["attributes"].loss(
        features, targets["attributes"]
    )
    torch.testing.assert_close(multi.loss(features, targets), expected)
    assert multi.count(targets) == N


def test_what_one_head_does_not_know_costs_it_nothing_and_counts_where_another_knows():
    parts, features, targets = heads(), torch.randn(N, D), target()
    multi = MultiHead(parts)
    mask = {
        "species": torch.tensor([True, True, False, False, False, True]),
        "attributes": torch.tensor([True, False, True, False, False, False])[:, None].expand(N, 3),
    }
    total = 0.0
    for n in range(N):
        for name, head in parts.items():
            if mask[name][n].all():
                total += head.loss(features[n : n + 1], targets[name][n : n + 1]).item()
    assert multi.count(targets, mask) == 4  # examples 0, 1, 2 and 5
    assert multi.loss(features, targets, mask).item() == pytest.approx(total / 4, rel=1e-5)


def test_a_head_without_a_mask_knows_all_of_its_target():
    parts, features, targets = heads(), torch.randn(N, D), target()
    mask = {"species": torch.zeros(N, dtype=torch.bool)}
    expected = parts["attributes"].loss(features, targets["attributes"])
    torch.testing.assert_close(MultiHead(parts).loss(features, targets, mask), expected)
    assert MultiHead(parts).count(targets, mask) == N


def test_nothing_known_is_zero_with_zero_gradient():
    multi, features = MultiHead(heads()), torch.randn(N, D, requires_grad=True)
    nothing = {"species": torch.zeros(N, dtype=torch.bool), "attributes": torch.zeros(N, 3, dtype=torch.bool)}
    loss = multi.loss(features, target(), nothing)
    loss.backward()
    assert loss.item() == 0
    assert not features.grad.any()


def test_sums_over_batches_have_one_mean():
    multi, features, targets = MultiHead(heads(ignore_index=-1)), torch.randn(N, D), target()
    targets["species"][1:3] = -1
    targets["attributes"][2] = -1
    whole = multi.loss(features, targets)
    batches = [slice(0, 3), slice(3, N)]
    parts = [(features[rows], {name: values[rows] for name, values in targets.items()}) for rows in batches]
    total = sum(multi.loss(*part) * multi.count(part[1]) for part in parts)
    torch.testing.assert_close(total / sum(multi.count(part[1]) for part in parts), whole)


def test_positions_are_examples():
    multi, features = MultiHead(heads()), torch.randn(N, D, 2, 2)
    targets = {"species": torch.randint(0, 4, (N, 2, 2)), "attributes": (torch.rand(N, 3, 2, 2) < 0.5).float()}
    flat = {"species": targets["species"].flatten(), "attributes": targets["attributes"].movedim(1, -1).flatten(0, -2)}
    expected = multi.loss(features.movedim(1, -1).flatten(0, -2), flat)
    torch.testing.assert_close(multi.loss(features, targets), expected)


def test_mixed_targets_mix_head_by_head():
    multi, features, targets = MultiHead(heads()), torch.randn(N, D), target()
    order = torch.randperm(N)
    mixed = {name: MixedTarget(values, values[order], 0.3) for name, values in targets.items()}
    other = {name: values[order] for name, values in targets.items()}
    expected = 0.3 * multi.loss(features, targets) + 0.7 * multi.loss(features, other)
    torch.testing.assert_close(multi.loss(features, mixed), expected)


def test_hooks_see_the_call():
    multi, seen = MultiHead(heads()), []
    multi.register_forward_hook(lambda *_: seen.append(1))
    multi.loss(torch.randn(N, D), target())
    assert seen == [1]


def test_priors_by_head():
    multi = MultiHead({"species": SoftmaxHead(D, 4, prior="data"), "attributes": SigmoidHead(D, 3)})
    assert multi.awaits_prior
    before = multi.heads["attributes"].classifier.bias.detach().clone()
    multi.set_prior({"species": [0.1, 0.2, 0.3, 0.4], "attributes": [0.5] * 3})
    assert not multi.awaits_prior
    torch.testing.assert_close(multi.heads["species"].classifier.bias.softmax(0), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert torch.equal(multi.heads["attributes"].classifier.bias, before)  # it did not ask


def test_reset_starts_every_head_afresh():
    multi = MultiHead(heads())
    multi.reset_parameters()
    loss = multi.loss(torch.randn(N, D), {"species": torch.zeros(N).long(), "attributes": torch.zeros(N, 3)})
    assert loss.item() == pytest.approx(math.log(4) + 3 * math.log(3 / 2), rel=1e-6)


def test_copies_and_states():
    multi, features, targets = MultiHead(heads(), {"species": 2.0}), torch.randn(N, D), target()
    loss = multi.loss(features, targets)
    for again in (copy.deepcopy(multi), pickle.loads(pickle.dumps(multi))):
        assert torch.equal(again.loss(features, targets), loss)
    other = MultiHead(heads(), {"species": 2.0})
    other.load_state_dict(multi.state_dict())
    assert torch.equal(other.loss(features, targets), loss)
    assert "loss_weights={'species': 2.0, 'attributes': 1.0}" in repr(multi)


@pytest.mark.parametrize(
    ("parts", "weights", "text"),
    [
        ({}, None, "MultiHead got {}; allowed a dict of heads"),
        ({"a/b": SoftmaxHead(D, 4)}, None, "a head named 'a/b'; allowed names without '/' and '.'"),
        ({"a.b": SoftmaxHead(D, 4)}, None, "a head named 'a.b'"),
        ({"": SoftmaxHead(D, 4)}, None, "a head named ''"),
        ([SoftmaxHead(D, 4)], None, "allowed a dict of heads"),
        (None, None, "MultiHead got None; allowed a dict of heads"),
        ({1: SoftmaxHead(D, 4)}, None, "a head named 1; allowed names"),
        ({"items": SoftmaxHead(D, 4)}, None, "a head named 'items', which modules need for themselves"),
        ({"training": SoftmaxHead(D, 4)}, None, "a head named 'training', which modules need for themselves"),
        ({"a": SoftmaxHead(D, 4, path="chunked")}, None, "head 'a' has path='chunked'; allowed 'auto', 'dense'"),
        ({"a": SoftmaxHead(D, 4)}, [1.0], "loss_weights=[1.0]; allowed a dict of one weight a head"),
        ({"a": SoftmaxHead(D, 4)}, {"a": True}, "loss_weights['a']=True"),
        ({"a": nn.Linear(D, 4)}, None, "head 'a' is a Linear; allowed a SoftmaxHead or a SigmoidHead"),
        ({"a": SoftmaxHead(D, 4), "b": SigmoidHead(D + 1, 4)}, None, "in_features {'a': 5, 'b': 6}; allowed one width"),
        ({"a": SoftmaxHead(D, 4)}, {"b": 1.0}, "loss_weights names 'b'; allowed a. Try: loss_weights={'a': 1.0}"),
        ({"a": SoftmaxHead(D, 4)}, {"a": -1.0}, "loss_weights['a']=-1.0; allowed a finite number >= 0"),
        ({"a": SoftmaxHead(D, 4)}, {"a": float("nan")}, "loss_weights['a']=nan"),
        ({"a": SoftmaxHead(D, 4)}, {"a": float("inf")}, "loss_weights['a']=inf"),
        ({"a": SoftmaxHead(D, 4)}, {"a": "1"}, "loss_weights['a']='1'"),
    ],
)
def test_what_cannot_be(parts, weights, text):
    with pytest.raises(HeadConfigError) as caught:
        MultiHead(parts, weights)
    assert caught.value.code == "H29"
    assert text in str(caught.value)


@pytest.mark.parametrize("wrong", [{"species": torch.zeros(N).long()}, torch.zeros(N), None, {**target(), "extra": 0}])
def test_one_target_a_head(wrong):
    multi = MultiHead(heads())
    for call in (lambda: multi.loss(torch.randn(N, D), wrong), lambda: multi.count(wrong)):
        with pytest.raises(TargetError, match=r"TH-M17: .*allowed a dict of one a head: species, attributes") as e:
            call()
        assert '{"species": ..., "attributes": ...}' in e.value.remedy


def test_the_head_to_blame_is_named():
    multi, features, targets = MultiHead(heads()), torch.randn(N, D), target()
    with pytest.raises(TargetError, match="TH-T01: SoftmaxHead 'species' got class index 9 at sample 2"):
        multi.loss(features, targets | {"species": torch.tensor([0, 1, 9, 0, 0, 0])})
    logits = multi(features)
    logits["attributes"] = logits["attributes"].index_fill(0, torch.tensor([3]), float("nan"))
    with pytest.raises(NonFiniteError, match="TH-L01: SigmoidHead 'attributes': the loss is nan, logits of sample 3"):
        multi.loss_from_logits(logits, targets)


def test_a_criterion_of_its_own_for_each_head():
    sigmoid = SigmoidHead(D, 3, criterion=BinaryCrossEntropy(pos_weight=[2.0, 1.0, 1.0]))
    multi, features, targets = MultiHead({"attributes": sigmoid}), torch.randn(N, D), target()
    only = {"attributes": targets["attributes"]}
    torch.testing.assert_close(multi.loss(features, only), sigmoid.loss(features, only["attributes"]))


# The whole text of every refusal --------------------------------------------------------------------------------------

EXAMPLE = 'Try: MultiHead({"species": SoftmaxHead(512, 20), "tags": SigmoidHead(512, 5)})'


def one(weights):
    return lambda: MultiHead({"a": SoftmaxHead(D, 4), "b": SigmoidHead(D, 4)}, weights)


TEXTS = [
    (lambda: MultiHead({}), f"TH-H29: MultiHead got {{}}; allowed a dict of heads. {EXAMPLE}"),
    (
        lambda: MultiHead({"a/b": SoftmaxHead(D, 4)}),
        f"TH-H29: MultiHead got a head named 'a/b'; allowed names without '/' and '.'. {EXAMPLE}",
    ),
    (
        lambda: MultiHead({"a": nn.Linear(D, 4)}),
        f"TH-H29: head 'a' is a Linear; allowed a SoftmaxHead or a SigmoidHead. {EXAMPLE}",
    ),
    (
        lambda: MultiHead({"a": SoftmaxHead(D, 4), "b": SigmoidHead(D + 1, 4)}),
        "TH-H29: MultiHead got heads of in_features {'a': 5, 'b': 6}; allowed one width for all. "
        "Try: a layer that brings the features to one width",
    ),
    (one({"c": 1.0}), "TH-H29: loss_weights names 'c'; allowed a, b. Try: loss_weights={'a': 1.0}"),
    (
        one({"a": 1.0, "b": -1.0}),
        "TH-H29: loss_weights['b']=-1.0; allowed a finite number >= 0. Try: loss_weights={'b': 1.0}",
    ),
    (
        lambda: MultiHead(heads()).count({"species": None}),
        "TH-M17: MultiHead got targets ['species']; allowed a dict of one a head: species, attributes. "
        'Try: {"species": ..., "attributes": ...}',
    ),
    (
        lambda: MultiHead(heads()).loss(torch.zeros(N, D), torch.zeros(N)),
        "TH-M17: MultiHead got targets Tensor; allowed a dict of one a head: species, attributes. "
        'Try: {"species": ..., "attributes": ...}',
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS, ids=[text[:6] for _, text in TEXTS])
def test_the_whole_text(refused, text):
    with pytest.raises((HeadConfigError, TargetError)) as caught:
        refused()
    assert str(caught.value) == text


def test_whole_and_zero_weights_are_taken():
    assert MultiHead(heads(), {"species": 0, "attributes": 2}).loss_weights == {"species": 0.0, "attributes": 2.0}
    assert {type(weight) for weight in MultiHead(heads(), {"species": 0}).loss_weights.values()} == {float}


def test_the_width_is_that_of_the_heads():
    assert MultiHead(heads()).in_features == D
    assert [name for name, _ in MultiHead(heads()).items()] == ["species", "attributes"]


def test_the_heads_by_name():
    multi = MultiHead(heads())
    assert named_heads(multi) == dict(multi.items())
    alone = SoftmaxHead(D, 4)
    assert named_heads(alone) == {"": alone}


def test_a_loss_that_is_no_number_is_explained_with_the_masks():
    multi, features, targets = MultiHead(heads()), torch.randn(N, D), target()
    logits = multi(features)
    logits["species"][1] = float("nan")
    logits["attributes"][3] = float("nan")
    targets["species"][1] = 9
    mask = {"species": torch.arange(N) != 1}  # what it hides is not to blame
    with pytest.raises(NonFiniteError, match="TH-L01: SigmoidHead 'attributes': the loss is nan, logits of sample 3"):
        multi.loss_from_logits(logits, targets, mask)


def test_any_other_letter_may_be_in_a_name():
    assert list(MultiHead({"X-1": SoftmaxHead(D, 4)}).heads) == ["X-1"]


def test_masks_and_logits_by_head_too():
    multi, features, targets = MultiHead(heads()), torch.randn(N, D), target()
    for mask in ({"Species": torch.ones(N, dtype=torch.bool)}, torch.ones(N, dtype=torch.bool)):
        for call in (
            lambda mask=mask: multi.loss(features, targets, mask),
            lambda mask=mask: multi.count(targets, mask),
        ):
            with pytest.raises(TargetError, match="TH-M17: MultiHead got masks"):
                call()
    for logits in ({"species": torch.zeros(N, 4)}, torch.zeros(N, 4)):
        with pytest.raises(TargetError, match="TH-M17: MultiHead got logits"):
            multi.loss_from_logits(logits, targets)


def test_as_many_examples_for_every_head():
    multi, targets = MultiHead(heads()), target()
    logits = {"species": torch.zeros(N - 1, 4), "attributes": torch.zeros(N, 3)}
    remedy = r"one target an example \(position\) for every head, -1 where it is unknown$"
    with pytest.raises(TargetError, match=rf"TH-M17: MultiHead got targets of \[5, 6\] examples.* Try: {remedy}"):
        multi.loss_from_logits(logits, targets | {"species": targets["species"][1:]})


def test_probabilities_for_logits_are_noticed_of_each_head():
    multi, targets = MultiHead(heads()), target()
    logits = {"species": torch.randn(N, 4), "attributes": torch.rand(N, 3)}
    multi.loss_from_logits(logits, targets)
    multi.loss_from_logits(logits, targets)
    with pytest.warns(
        TorchHeadsWarning, match="TH-W03: SigmoidHead 'attributes' got three batches of logits that look"
    ):
        multi.loss_from_logits(logits, targets)
    multi.loss_from_logits(logits, targets)  # told once


def test_a_head_whose_batch_costs_nothing_says_so():
    parts = heads() | {"species": SoftmaxHead(D, 4, criterion=CrossEntropy(class_weight=[0.0, 1, 1, 1]))}
    multi, logits = MultiHead(parts), {"species": torch.randn(N, 4), "attributes": torch.randn(N, 3)}
    targets = {"species": torch.zeros(N, dtype=torch.long), "attributes": torch.zeros(N, 3)}
    with pytest.warns(TorchHeadsWarning, match="TH-W01: SoftmaxHead 'species': this batch costs nothing"):
        multi.loss_from_logits(logits, targets)


def test_heads_that_do_not_look_do_not_look_together_either():
    multi, targets = MultiHead(heads(validate=False)), target()
    logits = {"species": torch.full((N, 4), math.nan), "attributes": torch.rand(N, 3)}
    for _ in range(4):
        assert multi.loss_from_logits(logits, targets).isnan()
