"""Checks that any head can be run through, in the manner of an estimator check: what a head promises, one by one."""

from torchheads.testing.base import HeadCase, HeadCheck, HeadFactory
from torchheads.testing.suite import head_checks, run_head_checks

__all__ = ["HeadCase", "HeadCheck", "HeadFactory", "head_checks", "run_head_checks"]
