"""Studies: many runs, and what they say of the difference between heads."""
