"""The groups any Hydra app gets when torchheads is installed: head, loss, decision, calibration."""
