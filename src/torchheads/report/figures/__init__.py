"""The figures of a report: small SVG panels, one idea each, in the order of their worth."""

from torchheads.report.figures.base import Drawn, Judged
from torchheads.report.figures.gathered import of_data, of_study

__all__ = ["Drawn", "Judged", "of_data", "of_study"]
