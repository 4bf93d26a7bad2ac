"""What every head shares beyond the contract: priors, states, masks, hooks, transforms, and checks of values."""

import copy
import math

import pytest
import torch
from torch import nn

from torchheads import BinaryCrossEntropy, ClassificationHead, CrossEntropy, SigmoidHead, SoftmaxHead, Threshold, TopK
from torchheads.calibration import Calibrator
from torchheads.decisions import FBeta, FittedThreshold
from torchheads.errors import HeadConfigError, LogitsError, NonFiniteError, TargetError

BOTH = pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
NATURAL = {SoftmaxHead: torch.tensor([0, 2]), SigmoidHead: torch.tensor([[1, 0, 0], [0, 0, 1]])}


def start(head_class, **options):
    """The constant logits of a fresh head."""
    return head_class(4, 3, **options).classifier.bias.detach()


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        ClassificationHead(4, 3)


# Where training starts ------------------------------------------------------------------------------------------------


def test_the_start_at_a_thousand_classes():
    # sigmoid: -ln(1/1000) - 999 ln(1 - 1/1000) = 6.9078 + 0.9995 = 7.9073; softmax ln 1000 = 6.9078;
    # with zero bias 1000 ln 2 = 693.15
    features, index = torch.randn(8, 16), torch.randint(0, 1000, (8,))
    sigmoid = SigmoidHead(16, 1000, label_type="single")
    assert sigmoid.loss(features, index).item() == pytest.approx(7.907, abs=5e-4)
    assert SoftmaxHead(16, 1000).loss(features, index).item() == pytest.approx(6.908, abs=5e-4)
    zero = SigmoidHead(16, 1000, label_type="single", prior="zero")
    assert zero.loss(features, index).item() == pytest.approx(693.1, abs=0.05)


def test_no_prior_is_the_uniform_one():
    torch.testing.assert_close(start(SigmoidHead), torch.full((3,), math.log(1 / 2)))  # odds 1 : 2
    torch.testing.assert_close(start(SoftmaxHead), torch.full((3,), math.log(1 / 3)))
    assert SigmoidHead(4, 1).classifier.bias.item() == 0  # one half


def test_a_number():
    torch.testing.assert_close(start(SigmoidHead, prior=0.2), torch.full((3,), math.log(1 / 4)))
    torch.testing.assert_close(start(SoftmaxHead, prior=0.2), torch.full((3,), math.log(1 / 3)))


@pytest.mark.parametrize("prior", [[0.5, 0.2, 0.3], (0.5, 0.2, 0.3), torch.tensor([0.5, 0.2, 0.3])])
def test_one_a_class(prior):
    torch.testing.assert_close(start(SigmoidHead, prior=prior), torch.tensor([1, 1 / 4, 3 / 7]).log())
    torch.testing.assert_close(start(SoftmaxHead, prior=prior), torch.tensor([0.5, 0.2, 0.3]).log())


@BOTH
def test_zero(head_class):
    head = head_class(4, 3, prior="zero")
    assert not head.classifier.bias.any()
    assert not head.classifier.weight.any()
    assert not head.awaits_prior


@BOTH
def test_the_prior_of_the_data_is_set_once(head_class):
    head = head_class(4, 3, prior="data")
    assert head.awaits_prior
    assert torch.equal(head.classifier.bias, start(head_class))  # uniform until the data are there
    head.set_prior(torch.tensor([0.5, 0.2, 0.3]))
    assert not head.awaits_prior
    torch.testing.assert_close(head.classifier.bias.detach(), start(head_class, prior=[0.5, 0.2, 0.3]))


@BOTH
def test_starting_afresh_waits_again(head_class):
    head = head_class(4, 3, prior="data")
    head.set_prior(0.2)
    nn.init.normal_(head.classifier.weight)
    head.reset_parameters()
    assert head.awaits_prior
    assert not head.classifier.weight.any()
    assert torch.equal(head.classifier.bias, start(head_class))


@BOTH
def test_a_loaded_state_is_never_overwritten(head_class):
    trained = head_class(4, 3)
    nn.init.normal_(trained.classifier.weight)
    head = head_class(4, 3, prior="data")
    head.load_state_dict(trained.state_dict())
    assert not head.awaits_prior
    assert torch.equal(head.classifier.weight, trained.classifier.weight)


@BOTH
def test_a_load_that_brings_nothing_for_the_head_leaves_it_waiting(head_class):
    model = nn.ModuleDict({"backbone": nn.Linear(2, 4), "head": head_class(4, 3, prior="data")})
    model.load_state_dict({f"backbone.{k}": v for k, v in nn.Linear(2, 4).state_dict().items()}, strict=False)
    assert model["head"].awaits_prior


@BOTH
@pytest.mark.parametrize("prior", [None, 0.1, [0.5, 0.2, 0.3], "data", "zero"])
def test_a_fresh_head_gives_every_example_the_same_logits(head_class, prior):
    logits = head_class(4, 3, prior=prior)(torch.randn(5, 4))
    assert torch.equal(logits, logits[:1].expand(5, 3))


def test_the_prior_meets_the_criterion():
    weighted = start(SigmoidHead, prior=0.2, criterion=BinaryCrossEntropy(pos_weight=[1.0, 4.0, 8.0]))
    torch.testing.assert_close(weighted, torch.tensor([1 / 4, 1.0, 2.0]).log())
    smoothed = start(SigmoidHead, prior=0.2, criterion=BinaryCrossEntropy(label_smoothing=0.5))  # 0.1 + 0.25 = 0.35
    torch.testing.assert_close(smoothed, torch.full((3,), math.log(0.35 / 0.65)))
    weighted = start(SoftmaxHead, prior=[0.5, 0.25, 0.25], criterion=CrossEntropy([1.0, 2.0, 4.0]))
    torch.testing.assert_close(weighted, torch.tensor([0.25, 0.25, 0.5]).log())
    smoothed = start(SoftmaxHead, prior=[0.5, 0.25, 0.25], criterion=CrossEntropy(label_smoothing=0.6))
    torch.testing.assert_close(smoothed, torch.tensor([0.4, 0.3, 0.3]).log())


def test_a_weight_of_zero_can_be_trained():
    head = SoftmaxHead(4, 3, criterion=CrossEntropy([1.0, 1.0, 0.0]))
    loss = head.loss(torch.randn(2, 4), torch.tensor([0, 2]))
    loss.backward()
    assert loss.isfinite()
    assert head.classifier.bias.grad.isfinite().all()


# Classifiers ----------------------------------------------------------------------------------------------------------


@BOTH
def test_a_classifier_of_ones_own_keeps_what_it_learned(head_class):
    linear = nn.Linear(4, 3)
    before = copy.deepcopy(linear.state_dict())
    head = head_class(4, 3, classifier=linear)
    assert head.classifier is linear
    assert all(torch.equal(before[name], value) for name, value in linear.state_dict().items())
    head_class(4, 3, classifier=linear, prior=0.2)
    assert torch.equal(linear.weight, before["weight"])
    assert torch.equal(linear.bias, start(head_class, prior=0.2))


@BOTH
def test_models_that_end_in_logits(head_class):
    head = head_class(3, 3, classifier=nn.Identity())
    logits = torch.randn(2, 3)
    assert head(logits) is logits
    assert not list(head.parameters())
    torch.testing.assert_close(
        head.loss(logits, NATURAL[head_class]), head.loss_from_logits(logits, NATURAL[head_class])
    )


@BOTH
def test_a_convolution_as_classifier(head_class):
    head = head_class(4, 3, classifier=nn.Conv2d(4, 3, 1), label_type="single")
    features = torch.randn(2, 4, 5, 6)
    assert head(features).shape == (2, 3, 5, 6)
    assert head.loss(features, torch.zeros(2, 5, 6, dtype=torch.int64)).ndim == 0


@BOTH
def test_features_and_logits_of_a_wrong_width(head_class):
    head = head_class(4, 3)
    with pytest.raises(HeadConfigError, match=r"TH-L03: .*Try: in_features=5"):
        head(torch.zeros(2, 5))
    for read in (head.scores, head.probabilities, head.predict, head.calibrated):
        with pytest.raises(LogitsError, match=r"TH-L04: logits of shape \(2, 4\)"):
            read(torch.zeros(2, 4))
    with pytest.raises(LogitsError, match=r"TH-L04: logits of dtype torch.int64"):
        head.loss_from_logits(torch.zeros(2, 3, dtype=torch.int64), NATURAL[head_class])


def test_class_names():
    assert SoftmaxHead(4, 3).class_names == ("0", "1", "2")
    assert SoftmaxHead(4, 3, class_names=["a", "b", "c"]).class_names == ("a", "b", "c")


# Masks and counts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("placeholder", [-1, 7])
def test_what_a_mask_hides_is_not_judged(placeholder):
    # `mask=target != -1` is the remedy that the head's own messages name
    index = torch.tensor([1, placeholder, 0])
    features = torch.randn(3, 4)
    single = SoftmaxHead(4, 3)
    loss = single.loss(features, index, mask=index != placeholder)
    torch.testing.assert_close(loss, single.loss(features[::2], index[::2]))
    sets = torch.tensor([[1, placeholder, 0]])
    multi = SigmoidHead(4, 3, prior="zero")
    assert multi.loss(features[:1], sets, mask=sets != placeholder).item() == pytest.approx(2 * math.log(2))


def test_nan_behind_a_mask_is_not_judged():
    sets = torch.tensor([[1.0, math.nan, 0.0]])
    loss = SigmoidHead(4, 3, prior="zero").loss(torch.randn(1, 4), sets.nan_to_num(), mask=~sets.isnan())
    assert loss.item() == pytest.approx(2 * math.log(2))
    assert SigmoidHead(4, 3, prior="zero").loss(torch.randn(1, 4), sets, mask=~sets.isnan()).item() == loss.item()


@BOTH
def test_a_padded_row_may_hold_anything(head_class):
    head = head_class(3, 3, classifier=nn.Identity(), label_type="single")
    logits = torch.tensor([[0.1, 0.2, 0.3], [math.nan] * 3], requires_grad=True)
    loss = head.loss(logits, torch.tensor([0, 0]), mask=torch.tensor([True, False]))
    torch.testing.assert_close(loss, head.loss(logits[:1], torch.tensor([0])))
    loss.backward()
    assert logits.grad[1].tolist() == [0, 0, 0]


def test_a_mask_of_the_wrong_shape():
    with pytest.raises(TargetError, match="TH-M06"):
        SoftmaxHead(4, 3).loss(torch.zeros(2, 4), torch.tensor([0, 1]), mask=torch.ones(2, 3, dtype=torch.bool))


# Checks of values -----------------------------------------------------------------------------------------------------


def test_values_are_checked_unless_said_otherwise():
    features, sets = torch.zeros(1, 4), torch.tensor([[2.0, 0.0, 0.0]])
    with pytest.raises(TargetError, match="TH-M03"):
        SigmoidHead(4, 3).loss(features, sets)
    assert SigmoidHead(4, 3, validate=False).loss(features, sets).isfinite()
    with pytest.raises(TargetError, match="TH-M06"):  # shapes cost nothing and are always checked
        SigmoidHead(4, 3, validate=False).loss(features, sets[:, :2])


@BOTH
def test_a_loss_without_a_value_says_which_sample(head_class):
    head = head_class(4, 3)
    features = torch.zeros(2, 4)
    features[1] = math.nan
    with pytest.raises(NonFiniteError, match=r"TH-L01: .* sample 1"):
        head.loss(features, NATURAL[head_class])


# As a module ----------------------------------------------------------------------------------------------------------


@BOTH
def test_the_loss_goes_through_the_head_itself(head_class):
    head, seen = head_class(4, 3), []
    head.register_forward_hook(lambda module, args, kwargs, out: seen.append((sorted(kwargs), out)), with_kwargs=True)
    features, target = torch.randn(2, 4), NATURAL[head_class]
    losses = head.loss(features, target), head.loss(features, target, torch.ones_like(target, dtype=torch.bool))
    assert [keys for keys, _ in seen] == [["target"], ["mask", "target"]]
    assert all(out is loss for (_, out), loss in zip(seen, losses, strict=True))


@BOTH
def test_functional_call(head_class):
    head, features, target = head_class(4, 3), torch.randn(2, 4), NATURAL[head_class]
    other = {name: torch.randn_like(value) for name, value in head.named_parameters()}
    loss = torch.func.functional_call(head, other, (features,), {"target": target})
    logits = features @ other["classifier.weight"].T + other["classifier.bias"]
    torch.testing.assert_close(loss, head.loss_from_logits(logits, target))


@BOTH
def test_gradients_of_each_example_under_vmap(head_class):
    head, features, target = head_class(4, 3), torch.randn(2, 4), NATURAL[head_class]
    parameters = {name: value.detach() for name, value in head.named_parameters()}

    def loss(parameters, row, answer):
        return torch.func.functional_call(head, parameters, (row[None],), {"target": answer[None]})

    slopes = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, features, target)
    for n in range(2):
        alone = torch.func.grad(loss)(parameters, features[n], target[n])
        for name in parameters:
            torch.testing.assert_close(slopes[name][n], alone[name])


@BOTH
def test_many_heads_under_vmap(head_class):
    head, features, target = head_class(4, 3), torch.randn(2, 4), NATURAL[head_class]
    stacked = {name: torch.randn(5, *value.shape) for name, value in head.named_parameters()}

    def loss(parameters):
        return torch.func.functional_call(head, parameters, (features,), {"target": target})

    losses = torch.func.vmap(loss)(stacked)
    alone = [loss({name: value[i] for name, value in stacked.items()}) for i in range(5)]
    torch.testing.assert_close(losses, torch.stack(alone))


def test_no_weight_or_flag_is_saved_but_the_decision_is():
    head = SigmoidHead(4, 3, criterion=BinaryCrossEntropy([1.0, 2.0, 3.0]))
    assert set(head.state_dict()) == {"classifier.weight", "classifier.bias", "decision.cut"}
    fitted = SoftmaxHead(4, 3, label_type="multi")
    of_the_decision = {"decision.cut", "decision.kept_shared", "decision.is_fitted", "decision.kind"}
    assert set(fitted.state_dict()) == {"classifier.weight", "classifier.bias", *of_the_decision}
    assert set(SoftmaxHead(4, 3).state_dict()) == {"classifier.weight", "classifier.bias"}


def as_learned():
    return FittedThreshold(FBeta(average="micro"), scope="global")


def learned():
    head = SoftmaxHead(4, 3, label_type="multi", decision=as_learned())
    nn.init.normal_(head.classifier.weight)
    head.decision.fit(
        torch.tensor([[4.0, 3.0, 2.0], [1.0, 0.0, -1.0]]), torch.tensor([[True, False, True], [False] * 3])
    )
    return head


@pytest.mark.parametrize(
    ("other", "predicts"),
    [
        (lambda: SoftmaxHead(4, 3), lambda scores: scores.argmax(dim=1)),
        (lambda: SoftmaxHead(4, 3, label_type="multi", decision=TopK(1)), lambda s: s == s.amax(dim=1, keepdim=True)),
        (lambda: SoftmaxHead(4, 3, label_type="multi", decision=Threshold(0.9)), lambda scores: scores >= math.log(9)),
        (lambda: SoftmaxHead(4, 3, label_type="multi", decision=Threshold()), lambda scores: scores >= 1.5),
        (lambda: SoftmaxHead(4, 3, label_type="multi", decision=as_learned()), lambda scores: scores >= 1.5),
    ],
    ids=["Argmax", "TopK", "named Threshold", "Threshold", "FittedThreshold"],
)
def test_a_fitted_checkpoint_loads_into_every_head_and_back(other, predicts):
    source, head = learned(), other()
    head.load_state_dict(source.state_dict(), strict=True)
    logits = head(torch.randn(20, 4))
    assert torch.equal(head.predict(logits), predicts(head.scores(logits)))
    back = learned()
    cut = back.decision.cut.clone()
    back.load_state_dict(head.state_dict(), strict=True)
    assert torch.equal(back.classifier.weight, source.classifier.weight)
    assert back.decision.cut.shape == cut.shape


@pytest.mark.parametrize("move", [lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.double()])
def test_a_moved_head_keeps_its_cut(move):
    head = learned()
    before = head.decision.cut.clone()
    move(head)
    assert head.classifier.weight.dtype != torch.float32
    assert head.decision.cut.dtype == torch.float32
    assert torch.equal(head.decision.cut, before)
    assert head.scores(torch.zeros(1, 3).to(head.classifier.weight.dtype)).dtype in (torch.float32, torch.float64)


def test_repr_shows_the_constructor():
    shown = repr(SigmoidHead(4, 3, prior=[0.1, 0.2, 0.3]))
    assert "in_features=4, num_classes=3, label_type='multi', prior=..., ready to decide" in shown
    assert "prior='data', decision not fitted" in repr(SoftmaxHead(4, 3, label_type="multi", prior="data"))


@BOTH
def test_a_head_without_memory(head_class):
    """Deferred initialisation, as sharded training does it."""
    with torch.device("meta"):
        head = head_class(4, 3, label_type="multi")
    assert head(torch.zeros(2, 4, device="meta")).shape == (2, 3)
    assert {parameter.device.type for parameter in head.parameters()} == {"meta"}


@BOTH
def test_images_have_an_answer_a_position(head_class):
    for label_type, shape in (("single", (2, 4, 5)), ("multi", (2, 3, 4, 5))):
        decision = Threshold(0.4) if label_type == "multi" else None
        head = head_class(3, 3, label_type=label_type, classifier=nn.Identity(), decision=decision)
        logits = torch.randn(2, 3, 4, 5)
        answers = head.predict(logits)
        assert answers.shape == shape
        alone = head.predict(logits[1:, :, 2, 3])[0]
        assert torch.equal(answers[1, ..., 2, 3], alone)


@BOTH
def test_a_mask_reaches_the_loss_of_logits(head_class):
    head = head_class(3, 3, label_type="single", classifier=nn.Identity())
    logits, index = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), torch.tensor([0, 1])
    loss = head.loss_from_logits(logits, index, torch.tensor([False, True]))
    torch.testing.assert_close(loss, head.loss_from_logits(logits[1:], index[1:]))


def test_scores_are_in_full_precision_under_autocast():
    class Doubling(Calibrator):
        def forward(self, logits):
            return logits @ (2 * torch.eye(3))  # which autocast would do in bfloat16

    head = SoftmaxHead(3, 3, classifier=nn.Identity(), calibrator=Doubling())
    logits = torch.tensor([[1.0009, -0.3003, 0.1]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = head.calibrated(logits)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, head.calibrated(logits))


@BOTH
def test_only_the_prior_of_the_data_is_waited_for(head_class):
    for options in ({}, {"classifier": nn.Linear(4, 3)}, {"prior": 0.2}, {"prior": "zero"}):
        assert head_class(4, 3, **options).awaits_prior is False
    head = head_class(4, 3, prior="data")
    assert head.awaits_prior is True
    head.load_state_dict(head_class(4, 3).state_dict())
    assert head.awaits_prior is False


def test_a_calibrator_learns_the_number_of_classes():
    class Bound(Calibrator):
        def bind(self, num_classes, link):
            self.bound_to = num_classes

        def forward(self, logits):
            return logits

    assert SoftmaxHead(4, 3, calibrator=Bound()).calibrator.bound_to == 3


@BOTH
def test_a_prior_without_content(head_class):
    with torch.device("meta"):
        assert head_class(4, 3, prior=torch.full((3,), 0.5)).classifier.bias.is_meta


@pytest.mark.parametrize("head_class", [SoftmaxHead, SigmoidHead])
def test_a_prior_never_goes_over_a_layer_loaded_by_itself(head_class):
    head = head_class(4, 3, prior="data")
    assert head.awaits_prior
    head.classifier.load_state_dict(nn.Linear(4, 3).state_dict())
    assert not head.awaits_prior


def test_a_load_that_fails_does_not_lose_the_prior():
    head = SigmoidHead(4, 3, prior="data")
    with pytest.raises(RuntimeError, match="size mismatch"):
        head.load_state_dict(SigmoidHead(5, 3).state_dict())
    assert head.awaits_prior


def test_options_that_are_not_the_default_are_shown():
    head = SigmoidHead(4, 3, ignore_index=-1, soft_targets=True, score="logit", path="dense", validate=False)
    shown = "ignore_index=-1, soft_targets=True, score='logit', path='dense', validate=False, ready to decide"
    assert shown in repr(head)
    assert "path" not in repr(SoftmaxHead(4, 3))


def test_answers_without_content_where_the_logits_have_none():
    logits = torch.zeros(2, 3, device="meta")
    for answer in (SoftmaxHead(4, 3).probabilities, SigmoidHead(4, 3).scores):
        assert answer(logits).is_meta
        assert answer(logits).shape == (2, 3)
