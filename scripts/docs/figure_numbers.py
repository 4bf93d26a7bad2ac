"""The numbers of the figures in docs/softmax_or_sigmoid.md, each of them from a head.

n examples, c classes.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import nn

from torchheads import ClassificationHead, SigmoidHead, SoftmaxHead, Threshold

Numbers = dict[str, list[Any]]

ANIMALS = ("cat", "dog", "cow", "zebra")
LOGITS = (2.1, 4.0, 3.2, -1.0)
CUT = 3.0  # the threshold on the raw output
SHIFTS = (-3.0, 0.0, 3.0)
CLASSES = (2, 5, 10, 20, 50, 100, 200, 500, 1000)


def both_heads(**sigmoid_options: Any) -> tuple[SoftmaxHead, SigmoidHead]:
    """A softmax and a sigmoid head for the four animals, which take logits as they are."""
    size = len(ANIMALS)
    softmax = SoftmaxHead(size, size, classifier=nn.Identity(), class_names=ANIMALS)
    return softmax, SigmoidHead(size, size, classifier=nn.Identity(), class_names=ANIMALS, **sigmoid_options)


def spreadsheet_numbers() -> Numbers:
    """The four logits, what each head makes of them, and the two decisions at a threshold of 3 on the logit."""
    logits = torch.tensor([LOGITS])
    softmax, sigmoid = both_heads(decision=Threshold(CUT, space="logit"))
    cut = sigmoid.probabilities(torch.full_like(logits, CUT))
    return {
        "logit": list(LOGITS),
        "softmax": softmax.probabilities(logits)[0].tolist(),
        "sigmoid": sigmoid.probabilities(logits)[0].tolist(),
        "sigmoid_cut": cut[0, :1].tolist(),
        "the_one": [ANIMALS[index] for index in softmax.predict(logits).tolist()],
        "the_set": named(sigmoid.predict(logits)[0]),
    }


def shift_numbers() -> Numbers:
    """Probabilities and decisions when a constant is added to every logit, one list a constant."""
    softmax, sigmoid = both_heads()
    logits = torch.tensor([LOGITS]) + torch.tensor(SHIFTS).unsqueeze(1)
    return {
        "shift": list(SHIFTS),
        "softmax": softmax.probabilities(logits).tolist(),
        "sigmoid": sigmoid.probabilities(logits).tolist(),
        "the_one": [[ANIMALS[index]] for index in softmax.predict(logits).tolist()],
        "the_set": [named(row) for row in sigmoid.predict(logits)],
    }


def moving_numbers() -> Numbers:
    """Probability and score of the dog under both heads while its logit moves and the other three stand still.

    ``softmax_full`` and ``sigmoid_full`` say from which logit on the probability, rounded to float32, is 1.
    """
    dog = ANIMALS.index("dog")
    moving = torch.linspace(-10, 30, 81, dtype=torch.float64)
    logits = torch.tensor([LOGITS], dtype=torch.float64).repeat(len(moving), 1)
    logits[:, dog] = moving
    numbers: Numbers = {"logit": moving.tolist()}
    for name, head in zip(("softmax", "sigmoid"), both_heads(), strict=True):
        probability = head.probabilities(logits)[:, dog]
        numbers[name] = probability.tolist()
        numbers[f"{name}_score"] = head.scores(logits)[:, dog].tolist()
        numbers[f"{name}_full"] = moving[probability.float() == 1][:1].tolist()
    return numbers


def start_numbers() -> Numbers:
    """Loss of a fresh head on an example with one right class, by the number of classes and where the bias starts."""
    features, target = torch.zeros(1, 1), torch.tensor([0])

    def losses(kind: type[ClassificationHead], prior: str | None) -> list[float]:
        fresh = (kind(1, size, label_type="single", prior=prior) for size in CLASSES)
        return [head.loss(features, target).item() for head in fresh]

    return {
        "classes": list(CLASSES),
        "sigmoid_zero_bias": losses(SigmoidHead, "zero"),
        "sigmoid_prior_bias": losses(SigmoidHead, None),
        "softmax_zero_bias": losses(SoftmaxHead, "zero"),
        "softmax_prior_bias": losses(SoftmaxHead, None),
    }


def named(mask: torch.Tensor) -> list[str]:
    """Names of the animals whose entry is True."""
    return [name for name, chosen in zip(ANIMALS, mask.tolist(), strict=True) if chosen]


def described(numbers: Numbers) -> str:
    """Numbers as text of one line, rounded to four decimals."""
    return json.dumps({name: rounded(value) for name, value in numbers.items()})


def rounded(value: Any) -> Any:
    """A number, or a list of lists of numbers, to four decimals; anything else as it is."""
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return round(value, 4) if isinstance(value, float) else value
