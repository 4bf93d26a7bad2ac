"""Train a head: python train.py head=softmax data=digits."""

import sys

from torchheads.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
