"""The checks that apply to a head, as a list to parametrise a test with, or run one after the other."""

from importlib import import_module

from torchheads.heads import ClassificationHead
from torchheads.testing.base import PROMISES, HeadCase, HeadCheck, HeadFactory

SUBJECTS = ("construction", "losses", "numerics", "decisions", "targets", "states", "transforms", "refusals")
"""Files of this room that hold checks; importing one enters its checks into the register."""

for subject in SUBJECTS:
    import_module(f"torchheads.testing.{subject}")

FIRST = "makes_a_head_from_defaults"


def head_checks(head: type[ClassificationHead] | HeadFactory) -> list[HeadCheck]:
    """The checks that apply to a head, each to be called without arguments; for `pytest.mark.parametrize`.

    A check that does not apply (to the label type, to the link) is not in the list. Where no head can be made at all,
    the list holds the one check that says why. To run them without pytest, use `run_head_checks`.

    Args:
        head: a subclass of `ClassificationHead`, tested with 6 features and 5 classes; or a function that makes a head
            from keyword options, such as ``lambda **options: MyHead(16, 5, scale=2.0, **options)``.

    Returns:
        The checks, each with a name (``str(check)``), a promise and a head.

    Example:
        >>> from torchheads import SoftmaxHead
        >>> checks = {str(check): check for check in head_checks(SoftmaxHead)}
        >>> checks["probabilities_sum_to_one"]()
        >>> checks["probabilities_sum_to_one"].promise.text
        'Where classes compete, the probabilities of a row sum to 1.'
    """
    case = HeadCase(_default_sizes(head) if isinstance(head, type) else head)
    try:
        _ = case.sample
    except Exception:
        return [HeadCheck(FIRST, PROMISES[FIRST], case)]
    if not isinstance(case.sample, ClassificationHead):
        return [HeadCheck(FIRST, PROMISES[FIRST], case)]
    return [HeadCheck(name, promise, case) for name, promise in PROMISES.items() if promise.applies(case)]


def run_head_checks(head: type[ClassificationHead] | HeadFactory) -> list[str]:
    """Run all checks that apply to a head, without pytest; the names of those that ran, when all of them passed.

    Args:
        head: as for `head_checks`, which gives them one by one.

    Raises:
        AssertionError: naming every promise that is not kept, what was found, and what to do.
    """
    checks, broken = head_checks(head), []
    for check in checks:
        try:
            check()
        except AssertionError as error:
            broken.append(str(error))
    if broken:
        raise AssertionError(f"{len(broken)} of {len(checks)} promises are not kept\n\n" + "\n\n".join(broken))
    return [check.name for check in checks]


def _default_sizes(head_class: type[ClassificationHead]) -> HeadFactory:
    def factory(**options: object) -> ClassificationHead:
        return head_class(6, 5, **options)  # type: ignore[arg-type]

    return factory
