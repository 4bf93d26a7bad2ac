"""Checks that compile or export, on our heads and on broken ones, in a process without shape checks and without pytest.

Usage: transformed_heads.py; prints JSON: what each check said, by head and name, "" where it passed.
"""

import json
import sys
import warnings
from pathlib import Path

TRANSFORMED = ("compiled_loss_is_the_loss", "compiled_answers_are_the_answers", "exported_logits_are_the_logits")


def said(check):
    try:
        check()
    except AssertionError as error:
        return str(error)
    return ""


def main():
    from broken_heads import BROKEN, CLASSES, WIDTH

    from torchheads import SigmoidHead, SoftmaxHead
    from torchheads.testing import head_checks, run_head_checks

    def of(head_class, label_type):
        return lambda **options: head_class(WIDTH, CLASSES, label_type=label_type, **options)

    results = {"everything": dict.fromkeys(run_head_checks(SoftmaxHead), "")}
    for head_class in (SoftmaxHead, SigmoidHead):
        for label_type in ("single", "multi"):
            checks = {str(check): check for check in head_checks(of(head_class, label_type))}
            results[f"{head_class.__name__}-{label_type}"] = {name: said(checks[name]) for name in TRANSFORMED}
    for name in TRANSFORMED:
        (check,) = (check for check in head_checks(BROKEN[name]) if str(check) == name)
        results.setdefault("broken", {})[name] = said(check)
    print(json.dumps(results))


if __name__ == "__main__":
    sys.modules["pytest"] = None  # whoever imports it fails
    sys.path.insert(0, str(Path(__file__).parent))
    warnings.simplefilter("error")
    main()
