"""Checks that a head works under what torch does to modules: compile, export, function transforms, threads.

n examples, c classes.
"""

import threading

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from torchheads.testing.base import HeadCase, answers, check, has_parameters, slopes
from torchheads.testing.functional import on_error, require, require_close, require_same_answers

GRAPH = "decide nothing in Python by the values of tensors, and call no .item() unless torchheads.heads.checks.readable"


@check()
def compiled_loss_is_the_loss(case: HeadCase) -> None:
    """``head.compile(fullgraph=True)`` in place leaves the loss, its gradient and the keys of the state as they are."""
    torch.compiler.reset()
    head, features, target = case.head(), case.features().requires_grad_(), case.target()
    loss, keys = head.loss(features, target), set(head.state_dict())
    head.compile(backend="eager", fullgraph=True)
    with on_error(GRAPH):
        found = head.loss(features, target)
    require_close("the compiled loss", found, loss, GRAPH)
    require_same_answers(slopes(found, head, features), slopes(loss, head, features), GRAPH)
    require(set(head.state_dict()) == keys, "other keys in the state", "compile in place: head.compile()")


@check()
def compiled_answers_are_the_answers(case: HeadCase) -> None:
    """Scores, probabilities and predictions compile into one graph each and stay the same."""
    torch.compiler.reset()
    head, logits = case.head(), case.logits()
    expected = answers(head, logits)
    methods = {"scores": head.scores, "probabilities": head.probabilities, "predictions": head.predict}
    with torch.no_grad(), on_error(GRAPH):
        found = {name: torch.compile(m, backend="eager", fullgraph=True)(logits) for name, m in methods.items()}
    require_same_answers(found, expected, GRAPH)


@check()
def exported_logits_are_the_logits(case: HeadCase) -> None:
    """``torch.export`` gives a program with the same logits, for batches of any size."""
    head, batch = case.head(), torch.export.Dim("batch", min=1, max=1024)
    with on_error(GRAPH):
        exported = torch.export.export(head, (case.features(4),), dynamic_shapes=({0: batch},), strict=False).module()
    for count in (2, 7):
        features = case.features(count)
        require_close(f"a logit in a batch of {count}", exported(features), head(features), GRAPH)


@check(has_parameters)
def parameters_can_be_handed_in(case: HeadCase) -> None:
    """``torch.func.functional_call`` with the parameters of another head gives that head's loss."""
    head, other, features, target = case.head(), case.head(seed=5), case.features(), case.target()
    state = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    found = functional_call(head, state, (features,), {"target": target})
    require_close("the loss", found, other.loss(features, target), "read parameters from self each time, keep no copy")


@check(has_parameters)
def gradients_per_example_can_be_taken(case: HeadCase) -> None:
    """``vmap`` of ``grad`` over examples gives the gradients of each example alone."""
    head, features, target = case.head(), case.features(), case.target()
    parameters: dict[str, Tensor] = {name: value for name, value in head.named_parameters() if value.requires_grad}

    def loss(values: dict[str, Tensor], one: Tensor, its_target: Tensor) -> Tensor:
        options = {"target": its_target.unsqueeze(0)}
        result: Tensor = functional_call(head, values, (one.unsqueeze(0),), options)
        return result

    with on_error(GRAPH):
        each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, features, target)
    whole = slopes(head.loss(features, target), head)
    found = {f"gradient of {name}": value.mean(dim=0) for name, value in each.items()}
    require_same_answers(found, whole, GRAPH)


@check(has_parameters)
def an_ensemble_is_its_members(case: HeadCase) -> None:
    """``vmap`` over the stacked parameters of several heads gives the loss of each."""
    heads, features, target = [case.head(seed=seed) for seed in (0, 5, 6)], case.features(), case.target()
    expected = torch.stack([head.loss(features, target) for head in heads])
    parameters, buffers = stack_module_state(list(heads))

    def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        result: Tensor = functional_call(heads[0], (parameters, buffers), (features,), {"target": target})
        return result

    with on_error(GRAPH):
        found = vmap(loss)(parameters, buffers)
    require_close("the loss of a member", found, expected, GRAPH)


@check()
def threads_do_not_meet(case: HeadCase) -> None:
    """Several threads that ask one head at the same time get the answers that each gets alone."""
    head, batches = case.head(), [case.logits(seed=seed) for seed in range(4)]
    expected, start = [answers(head, logits) for logits in batches], threading.Barrier(len(batches))
    found: list[list[dict[str, Tensor]]] = [[] for _ in batches]

    def ask(place: int) -> None:
        start.wait(timeout=10)
        found[place] = [answers(head, batches[place]) for _ in range(5)]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    remedy = "pass intermediate values on as arguments; store nothing on self while answering"
    for mine, alone in zip(found, expected, strict=True):
        require(len(mine) == 5, "a thread that did not finish", remedy)
        for answer in mine:
            require_same_answers(answer, alone, remedy)
