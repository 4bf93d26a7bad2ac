"""Our heads keep every promise, every check finds a head that breaks its own, and the list fits the head."""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import torchheads.testing
from torchheads import FittedThreshold, SigmoidHead, SoftmaxHead
from torchheads.testing import head_checks, run_head_checks, suite
from torchheads.testing.base import PROMISES

SOURCE = Path(torchheads.testing.__file__).parent
OURS = {
    f"{head_class.__name__}-{label_type}": (head_class, label_type)
    for head_class in (SoftmaxHead, SigmoidHead)
    for label_type in ("single", "multi")
}
TRANSFORMED = {"compiled_loss_is_the_loss", "compiled_answers_are_the_answers", "exported_logits_are_the_logits"}
CRASHES = (NameError, ImportError, SyntaxError, AttributeError)  # of a breaker that is itself wrong


def of(head_class, label_type):
    return lambda **options: head_class(6, 5, label_type=label_type, **options)


def by_name(factory):
    return {str(check): check for check in head_checks(factory)}


CASES = [(ours, name) for ours, (kind, labels) in OURS.items() for name in by_name(of(kind, labels))]


@pytest.mark.parametrize(("ours", "name"), CASES, ids=["-".join(case) for case in CASES])
def test_our_heads_keep_their_promises(ours, name, request):
    if name in TRANSFORMED:  # the shape checks of these tests would break the graph
        assert request.getfixturevalue("transformed")[ours][name] == ""
    else:
        by_name(of(*OURS[ours]))[name]()


def test_all_of_them_at_once_without_pytest(transformed):
    assert list(transformed["everything"]) == list(by_name(SoftmaxHead))


# Broken on purpose ----------------------------------------------------------------------------------------------------


def test_every_check_has_a_head_that_breaks_it(broken):
    assert broken.BROKEN.keys() == broken.SOUND.keys() == PROMISES.keys()


@pytest.mark.parametrize("name", PROMISES)
def test_the_broken_head_is_found(name, broken, request):
    if name in TRANSFORMED:
        text = request.getfixturevalue("transformed")["broken"][name]
    else:
        by_name(broken.SOUND[name])[name]()  # without the fault
        with pytest.raises(AssertionError) as found:
            by_name(broken.BROKEN[name])[name]()
        text = str(found.value)
        if name != "can_be_pickled":  # whose fault is an AttributeError
            assert not isinstance(found.value.__cause__, CRASHES)
    first, said, what, do = text.strip().split("\n", 3)
    assert first == name
    assert said == f"said: {PROMISES[name].text}"
    assert what.startswith("found: ")
    assert len(what) > 15
    assert do.splitlines()[-1].startswith("   do: ")


def test_an_error_in_the_words_of_torch_is_found():
    class Bare(SoftmaxHead):
        def loss_from_logits(self, logits, target, mask=None):
            return F.cross_entropy(logits, target)

    with pytest.raises(
        AssertionError, match=r"found: IndexError: Target 5 is out of bounds., expected TargetError T01"
    ):
        by_name(Bare)["refuses_a_class_index_that_is_too_large"]()


def test_an_error_without_a_remedy_is_found():
    class Terse(SoftmaxHead):
        def loss_from_logits(self, logits, target, mask=None):
            raise torchheads.errors.TargetError("T01", "no")

    with pytest.raises(AssertionError, match="no remedy in TH-T01: no"):
        by_name(Terse)["refuses_a_class_index_that_is_too_large"]()


# The list -------------------------------------------------------------------------------------------------------------


def test_what_does_not_apply_is_not_in_the_list():
    names = {ours: set(by_name(of(*what))) for ours, what in OURS.items()}
    softmax, sigmoid = names["SoftmaxHead-single"], names["SigmoidHead-single"]
    assert softmax - sigmoid == {"probabilities_sum_to_one", "a_shift_of_a_row_changes_nothing"}
    assert sigmoid <= softmax
    single, multi = names["SigmoidHead-single"], names["SigmoidHead-multi"]
    assert {"refuses_label_sets", "ties_go_to_the_lowest_class"} <= single - multi
    assert {"lists_are_label_sets", "refuses_counts", "takes_a_single_class"} <= multi - single
    assert names["SoftmaxHead-multi"] - multi == softmax - sigmoid | {"refuses_to_decide_unfitted"}
    assert set().union(*names.values()) == PROMISES.keys()  # each applies somewhere
    raw = set(by_name(lambda **options: SoftmaxHead(6, 5, score="logit", **options)))
    assert "a_shift_of_a_row_changes_nothing" not in raw
    no_bias = set(by_name(lambda **options: SoftmaxHead(5, 5, classifier=nn.Identity(), **options)))
    assert not no_bias & {"starts_afresh", "trains_every_parameter", "features_of_positions_are_classified_alike"}


class Cosine(nn.Module):
    """A classifier without a bias that starts at random."""

    def __init__(self):
        super().__init__()
        self.weight, self.scale = nn.Parameter(torch.randn(5, 6)), nn.Parameter(torch.tensor(5.0))

    def forward(self, features):
        return self.scale * F.linear(F.normalize(features, dim=1), F.normalize(self.weight, dim=1))


@pytest.mark.parametrize(
    "factory",
    [
        lambda **options: SoftmaxHead(5, 5, classifier=nn.Identity(), **options),
        lambda **options: SoftmaxHead(6, 5, classifier=Cosine(), **options),
        lambda **options: SigmoidHead(6, 5, classifier=nn.Sequential(nn.Dropout(), nn.Linear(6, 5)), **options),
        lambda **options: SigmoidHead(6, 5, decision=FittedThreshold(), **options),
        lambda **options: SigmoidHead(6, 1, **options),
        lambda **options: SoftmaxHead(6, 300, **options),
        lambda **options: SoftmaxHead(6, 5, **{"soft_targets": True, "ignore_index": -1, **options}),
        lambda **options: SigmoidHead(6, 5, **{"soft_targets": True, "ignore_index": -1, **options}),
    ],
    ids=["identity", "cosine", "dropout", "fitted", "one class", "300 classes", "soft single", "soft multi"],
)
def test_sound_heads_of_other_kinds_raise_no_alarm(factory):
    for name, check in by_name(factory).items():
        if name not in TRANSFORMED:
            check()


@pytest.mark.parametrize("made", [nn.Linear(2, 2), None])
def test_without_a_head_the_list_holds_the_check_that_says_so(made):
    def factory(**options):
        return made if made is not None else made.head

    (check,) = head_checks(factory)
    with pytest.raises(AssertionError, match=r"found: (the factory made a Linear|AttributeError: 'NoneType')"):
        check()


def test_running_all_names_every_broken_promise(monkeypatch, broken):
    few = ("shows_itself", "probabilities_lie_between_zero_and_one", "probabilities_sum_to_one", "can_be_copied")
    monkeypatch.setattr(suite, "PROMISES", {name: PROMISES[name] for name in few})
    assert run_head_checks(SoftmaxHead) == list(few)
    assert run_head_checks(SigmoidHead) == [few[0], few[1], few[3]]

    class Twice(broken.Silent):
        def probability_rows(self, logits):
            return 1.5 * logits.sigmoid()

    with pytest.raises(AssertionError, match=f"^2 of 3 promises are not kept\n\n{few[0]}\n(.*\n)*\n{few[1]}\n"):
        run_head_checks(Twice)


# The register ---------------------------------------------------------------------------------------------------------


def test_each_check_is_registered_once_and_says_its_promise_in_one_sentence():
    written = []
    for path in SOURCE.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            calls = [getattr(d, "func", None) for d in getattr(node, "decorator_list", [])]
            written += [node.name for call in calls if isinstance(call, ast.Name) and call.id == "check"]
    assert sorted(written) == sorted(PROMISES)
    assert len(PROMISES) >= 40
    texts = [promise.text for promise in PROMISES.values()]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert text.endswith(".")
        assert ". " not in text.removesuffix(".").replace("... ", "")


def test_importing_the_checks_needs_no_pytest():
    for path in SOURCE.glob("*.py"):
        assert "import pytest" not in path.read_text()
        assert "assert " not in path.read_text().replace("``assert``", "")  # which python -O leaves out
