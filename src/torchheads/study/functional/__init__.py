"""Pure functions of the study room: intervals, tests and corrections."""
