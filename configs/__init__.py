"""The YAML files of torchheads, importable as ``torchheads_configs`` so that an installed torchheads finds them too."""
