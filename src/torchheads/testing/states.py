"""Checks of what a head keeps: its state dict, its copies, and nothing of what it was shown.

n examples, c classes.
"""

import copy
import gc
import io
import pickle
import weakref

import torch
from torch import Tensor

from torchheads.heads import ClassificationHead
from torchheads.testing.base import HeadCase, answers, check, has_bias, has_parameters, slopes
from torchheads.testing.functional import on_error, require, require_close, require_equal, require_same_answers

STATE = "keep learned numbers in parameters and buffers of fixed shape, registered in the constructor"


def all_answers(head: ClassificationHead, case: HeadCase) -> dict[str, Tensor]:
    """What a head says of features, logits included."""
    with torch.no_grad():
        logits = head(case.features())
    return {"logits": logits, **answers(head, logits)}


def bytes_of(case: HeadCase) -> tuple[ClassificationHead, io.BytesIO]:
    """A head and its state as ``torch.save`` writes it."""
    head, file = case.head(), io.BytesIO()
    torch.save(head.state_dict(), file)
    file.seek(0)
    return head, file


@check()
def state_survives_torch_save(case: HeadCase) -> None:
    """A state dict saved and read with ``weights_only=True`` makes another head answer the same."""
    head, file = bytes_of(case)
    fresh = case.factory().eval()
    with on_error(STATE):
        fresh.load_state_dict(torch.load(file, weights_only=True))
    require_same_answers(all_answers(fresh, case), all_answers(head, case), STATE)


@check()
def state_survives_safetensors(case: HeadCase) -> None:
    """A state dict written and read by safetensors makes another head answer the same."""
    from safetensors.torch import load, save

    head, fresh = case.head(), case.factory().eval()
    with on_error("clone what has two names: safetensors refuses shared memory"):
        fresh.load_state_dict(load(save(head.state_dict())))
    require_same_answers(all_answers(fresh, case), all_answers(head, case), STATE)


@check()
def state_keeps_its_keys_and_shapes(case: HeadCase) -> None:
    """Keys, shapes and dtypes of the state are those of a fresh head after training, fitting and predicting."""
    head = case.head().train()
    head.loss(case.features().requires_grad_(), case.target()).backward()  # type: ignore[no-untyped-call]
    all_answers(head, case)
    found, expected = (
        {name: (tuple(value.shape), value.dtype) for name, value in each.state_dict().items()}
        for each in (head, case.factory())
    )
    changed = sorted(name for name, _ in found.items() ^ expected.items())
    require(not changed, f"a state that changed in {changed}", STATE)


@check(has_bias)
def a_loaded_state_wins_over_the_prior(case: HeadCase) -> None:
    """A head that awaits the prior of its data stops waiting when a state is loaded, and keeps the loaded bias."""
    trained, head, remedy = case.head(), case.factory(prior="data"), "call super()._load_from_state_dict"
    head.load_state_dict(trained.state_dict())
    require(not head.awaits_prior, "awaits_prior=True after loading", remedy)
    require_equal("the bias", head.state_dict()["classifier.bias"], trained.state_dict()["classifier.bias"], remedy)


def require_true_copy(head: ClassificationHead, again: ClassificationHead, case: HeadCase) -> None:
    """Fail where a copy answers differently, or shares memory with its original."""
    require_same_answers(all_answers(again, case), all_answers(head, case), STATE)
    require_close(
        "the loss", again.loss(case.features(), case.target()), head.loss(case.features(), case.target()), STATE
    )
    places = {tensor.data_ptr() for tensor in head.state_dict().values() if tensor.numel()}
    shared = [name for name, tensor in again.state_dict().items() if tensor.data_ptr() in places]
    require(not shared, f"a copy that shares {shared}", "leave __deepcopy__ and __reduce__ to nn.Module")


@check()
def can_be_copied(case: HeadCase) -> None:
    """``copy.deepcopy`` gives a head that answers the same and shares nothing, as weight averaging needs."""
    head = case.head()
    require_true_copy(head, copy.deepcopy(head), case)


@check()
def can_be_pickled(case: HeadCase) -> None:
    """A pickled head answers the same, as sending it to another process needs."""
    head = case.head()
    with on_error("keep no lambda, open file or local class in the head; define its class at the top of a module"):
        again = pickle.loads(pickle.dumps(head))
    require_true_copy(head, again, case)


# What answering leaves behind -----------------------------------------------------------------------------------------


@check()
def answering_changes_no_state(case: HeadCase) -> None:
    """Scores, probabilities, predictions and nll change no parameter and no buffer, in training mode either."""
    head = case.head().train()
    before = copy.deepcopy({**dict(head.named_parameters()), **dict(head.named_buffers())})
    all_answers(head, case)
    head.nll(case.logits(), case.target())
    after = {**dict(head.named_parameters()), **dict(head.named_buffers())}
    for name, value in before.items():
        require_equal(name, after[name], value, "let answers be functions of logits; count batches elsewhere")


@check()
def answering_draws_no_random_numbers(case: HeadCase) -> None:
    """Answers and losses in evaluation mode leave torch's random state as it was, and are the same twice."""
    head, before = case.head(), torch.get_rng_state()
    first = all_answers(head, case) | {"loss": head.loss(case.features(), case.target())}
    untouched = torch.equal(torch.get_rng_state(), before)
    torch.set_rng_state(before)
    require(untouched, "another random state than before", "draw from a torch.Generator of the head's own, in training")
    again = all_answers(head, case) | {"loss": head.loss(case.features(), case.target())}
    for name, value in first.items():
        require_equal(f"{name} the second time", again[name], value, "let answers be functions of logits")


@check()
def inputs_are_left_as_they_are(case: HeadCase) -> None:
    """Features, logits, targets and masks are not written to."""
    head, features, logits, target = case.head(), case.features(), case.logits(), case.target()
    mask = case.mask(torch.tensor([True, False, True, True, False, True])).clone()
    inputs = {"features": features, "logits": logits, "target": target, "mask": mask}
    before = {name: value.clone() for name, value in inputs.items()}
    head.loss(features, target, mask)
    head.loss_from_logits(logits, target, mask)
    head.nll(logits, target, mask)
    answers(head, logits)
    for name, value in inputs.items():
        require_equal(name, value, before[name], "no operation ending in an underscore on what came in")


@check()
def inputs_are_not_kept(case: HeadCase) -> None:
    """When loss and answers are gone, the head holds on to nothing that it was shown."""
    head, features, logits, target = case.head(), case.features(), case.logits(), case.target()
    head.loss(features, target)
    head.loss_from_logits(logits, target)
    answers(head, logits)
    watched = {"features": weakref.ref(features), "logits": weakref.ref(logits), "target": weakref.ref(target)}
    del features, logits, target
    gc.collect()
    held = [name for name, reference in watched.items() if reference() is not None]
    require(not held, f"{held} still in memory", "store no input on self; use a hook where one must be looked at")


@check(has_parameters)
def inference_mode_leaves_training_alone(case: HeadCase) -> None:
    """After answers and a loss under ``torch.inference_mode`` the head still trains."""
    head, features, target = case.head(), case.features(), case.target()
    with torch.inference_mode():
        all_answers(head, case)
        head.loss(features, target)
    with on_error("keep no tensor that was made while answering"):
        slopes(head.loss(features, target), head)
