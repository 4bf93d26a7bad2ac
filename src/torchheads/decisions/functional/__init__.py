"""Pure functions of the decisions room: what a cut answers, and the best cuts among all there are."""
