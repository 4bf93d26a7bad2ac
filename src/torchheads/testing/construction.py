"""Checks of how a head is made, what it starts from, and how it shows itself.

n examples, c classes.
"""

import torch
from torch import Tensor

from torchheads.errors import HeadConfigError
from torchheads.heads import ClassificationHead
from torchheads.losses import BinaryCrossEntropy, CrossEntropy
from torchheads.testing.base import HeadCase, answers, check, has_bias, has_parameters
from torchheads.testing.functional import fail, on_error, require, require_close, require_refusal, require_same_answers

SHARES = (1, 2, 3, 4)
"""How many examples of class 0, 1, 2, ... a data set for the prior has."""


@check()
def makes_a_head_from_defaults(case: HeadCase) -> None:
    """Without any option the factory makes a head that maps features (N, D) to logits (N, C)."""
    remedy = "give head_checks a subclass of ClassificationHead, or `lambda **options: MyHead(6, 5, **options)`"
    with on_error(remedy):
        head: object = case.factory()
    if not isinstance(head, ClassificationHead):
        fail(f"the factory made a {type(head).__name__}", remedy)
    logits = head(torch.zeros(2, head.in_features))
    found = f"logits of shape {tuple(logits.shape)} for {head.num_classes} classes"
    require(logits.shape == (2, head.num_classes), found, "set self.in_features and self.num_classes as they are")


@check()
def shares_nothing_with_other_heads(case: HeadCase) -> None:
    """Two heads made alike have no parameter and no learned number in common."""
    heads = [case.factory(), case.factory()]  # both, before either is looked at
    first, second = (head.state_dict() for head in heads)
    places = {tensor.data_ptr() for tensor in first.values() if tensor.numel()}
    for name, tensor in second.items():
        remedy = "make parts inside the constructor, not as default arguments or class attributes"
        require(tensor.data_ptr() not in places, f"{name} is the same memory in both", remedy)


@check()
def can_be_made_on_the_meta_device(case: HeadCase) -> None:
    """Under ``torch.device("meta")`` parameters have no storage; filled from a state dict the head answers as usual."""
    sound = case.head()
    with torch.device("meta"):
        head = case.factory()
    for name, parameter in head.named_parameters():
        require(parameter.is_meta, f"{name} is on {parameter.device}", "make parameters without naming a device")
    empty = {name for name, value in (*head.named_parameters(), *head.named_buffers()) if value.is_meta}
    head.to_empty(device="cpu").eval()
    with torch.no_grad():
        for name, value in (*head.named_parameters(), *head.named_buffers()):
            if name in empty and value.is_floating_point():
                value.fill_(float("nan"))  # as bad as memory without content can be
    head.load_state_dict(sound.state_dict())
    logits, remedy = case.logits(), "keep all learned numbers in the state dict"
    require_same_answers(answers(head, logits), answers(sound, logits), remedy)


@check(lambda case: not case.single and case.head_class.min_classes == 1)
def takes_a_single_class(case: HeadCase) -> None:
    """A head that allows one class gives (N, 1) everywhere, and a finite loss."""
    head = case.head_class(case.sample.in_features, 1, label_type="multi")
    features, target = case.features(), torch.tensor([[0.0], [1.0]] * 3)
    logits, remedy = head(features), "keep the class axis of size 1: no squeeze"
    for what in (logits, head.scores(logits), head.probabilities(logits), head.predict(logits)):
        require(what.shape == (6, 1), f"an answer of shape {tuple(what.shape)}", remedy)
    loss = head.loss(features, target)
    require(loss.ndim == 0 and bool(loss.isfinite()), f"the loss {loss}", remedy)


@check()
def keeps_class_names(case: HeadCase) -> None:
    """Class names are kept in order, "0", "1", ... where none are given, and refused where their number is wrong."""
    remedy = "hand class_names to ClassificationHead.__init__"
    names = [f"class {number}" for number in range(case.num_classes)]
    kept = list(case.factory(class_names=names).class_names)
    require(kept == names, f"the names {kept}", remedy)
    default = list(case.sample.class_names)
    require(len(default) == case.num_classes, f"{len(default)} names for {case.num_classes} classes", remedy)
    require_refusal(lambda: case.factory(class_names=names[1:]), HeadConfigError, "H19", remedy)


@check()
def shows_itself(case: HeadCase) -> None:
    """A fresh head's ``repr`` works before anything is fitted and shows class, sizes, label type and parts."""
    head = case.factory()
    shown, remedy = repr(head), "extend extra_repr, beginning with super().extra_repr()"
    sizes = f"in_features={head.in_features}, num_classes={head.num_classes}"
    for part in (type(head).__name__, sizes, f"label_type={head.label_type!r}", type(head.decision).__name__):
        require(part in shown, f"a repr without {part!r}", remedy)


@check()
def refuses_impossible_sizes(case: HeadCase) -> None:
    """Sizes that are not whole numbers of at least 1 are a HeadConfigError with code H01."""
    width, remedy = case.sample.in_features, "hand in_features and num_classes to ClassificationHead.__init__ unchanged"
    for sizes in ((width, 0), (width, -3), (width, 2.5), (width, True), (0, case.num_classes)):
        require_refusal(lambda sizes=sizes: case.head_class(*sizes), HeadConfigError, "H01", remedy)  # type: ignore[misc]


@check()
def refuses_the_criterion_of_another_link(case: HeadCase) -> None:
    """A loss for the other link is a HeadConfigError with code H24: softmax and sigmoid do not mix."""
    other = BinaryCrossEntropy() if case.softmax else CrossEntropy()
    make = case.head_class

    def mixed() -> object:
        return make(case.sample.in_features, case.num_classes, label_type=case.sample.label_type, criterion=other)

    require_refusal(mixed, HeadConfigError, "H24", "hand the criterion to ClassificationHead.__init__")


# Where training starts ------------------------------------------------------------------------------------------------


def shares(case: HeadCase) -> Tensor:
    """How often each class is right, in (0, 1), shape (C,), adding up to 1."""
    counts = torch.tensor([SHARES[place % len(SHARES)] for place in range(case.num_classes)], dtype=torch.float64)
    return counts / counts.sum()


@check(has_bias)
def starts_at_the_best_constant_logits(case: HeadCase) -> None:
    """After ``set_prior`` no other bias has a lower loss on data whose classes are as frequent as the prior says."""
    head, prior = case.factory().double(), shares(case)
    head.set_prior(prior)
    counts = (prior * sum(SHARES[place % len(SHARES)] for place in range(case.num_classes))).round().long()
    index = torch.arange(case.num_classes).repeat_interleave(counts)
    target = index if case.single else torch.nn.functional.one_hot(index, case.num_classes)
    bias = head.classifier.bias
    if not isinstance(bias, Tensor):
        fail("a classifier without a bias", "prior=None")
    logits = bias.detach().expand(len(index), -1).clone().requires_grad_()
    (slope,) = torch.autograd.grad(head.loss_from_logits(logits, target), logits)
    remedy = "let criterion.constant_logits(prior) be the constant logits that minimise the criterion"
    require_close("the slope of the bias", slope.sum(dim=0), torch.zeros_like(prior), remedy, atol=1e-4)


@check(has_bias)
def takes_a_prior_when_it_is_made(case: HeadCase) -> None:
    """``prior=p`` in the constructor gives the bias that ``set_prior(p)`` gives."""
    prior = shares(case).tolist()
    made, told = case.factory(prior=prior), case.factory()
    told.set_prior(prior)
    found, expected = (head.state_dict()["classifier.bias"] for head in (made, told))
    require_close("the bias", found, expected, "hand prior to ClassificationHead.__init__, and change no bias after it")


@check(has_bias)
def waits_for_the_prior_of_the_data(case: HeadCase) -> None:
    """With ``prior="data"`` a head says that it awaits a prior, until it is set."""
    head, remedy = case.factory(prior="data"), "leave awaits_prior to reset_parameters and set_prior"
    require(head.awaits_prior is True, f"awaits_prior={head.awaits_prior} before", remedy)
    head.set_prior(0.3)
    require(head.awaits_prior is False, f"awaits_prior={head.awaits_prior} after", remedy)


@check(has_bias)
def refuses_an_impossible_prior(case: HeadCase) -> None:
    """A prior outside (0, 1), of the wrong length or an unknown word is a HeadConfigError with code H20."""
    for prior in (0.0, 1.0, 1.5, float("nan"), [0.5] * (case.num_classes + 1), "uniform"):
        remedy = "hand prior to ClassificationHead.__init__"
        require_refusal(lambda prior=prior: case.factory(prior=prior), HeadConfigError, "H20", remedy)  # type: ignore[misc]


@check(has_bias)
def starts_afresh(case: HeadCase) -> None:
    """``reset_parameters`` brings back the bias of the prior that the head was made with."""
    fresh, used = case.factory(prior=0.3), case.factory(prior=0.3)
    with torch.no_grad():
        used.state_dict()["classifier.bias"].add_(1)
    used.reset_parameters()
    found, expected = (head.state_dict()["classifier.bias"] for head in (used, fresh))
    require_close("the bias", found, expected, "call super().reset_parameters() in yours")


@check(has_parameters)
def trains_every_parameter(case: HeadCase) -> None:
    """The loss depends on every parameter that asks for a gradient, as training on several devices needs."""
    head = case.head()
    head.loss(case.features(), case.target()).backward()  # type: ignore[no-untyped-call]
    for name, parameter in head.named_parameters():
        used = parameter.grad is not None or not parameter.requires_grad
        require(used, f"{name} gets no gradient", "register_buffer, or requires_grad_(False), for what is not trained")
