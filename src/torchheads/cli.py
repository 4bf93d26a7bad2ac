"""The console script: ``torchheads train head=sigmoid data=digits``; everything after the command goes to Hydra."""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from torchheads import __version__

COMMANDS = {
    "train": "train a model, decide, test:      torchheads train head=sigmoid data=digit_canvases",
    "evaluate": "the metrics of a checkpoint:      torchheads evaluate checkpoint=RUN/checkpoints/final.ckpt",
    "predict": "its predictions as a CSV file:    torchheads predict checkpoint=RUN/checkpoints/final.ckpt",
}

HELP = "\n".join(
    [
        f"torchheads {__version__}: classification heads, softmax or sigmoid",
        "",
        "usage: torchheads COMMAND [key=value ...]",
        "",
        *(f"  {name:<10}{text}" for name, text in COMMANDS.items()),
        "",
        "torchheads COMMAND --help lists the options of a command, --cfg job prints its configuration,",
        "-m head=softmax,sigmoid seed=0,1,2 runs every combination.",
    ]
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command of the command line.

    Args:
        arguments: the command and its options; None for those the process was started with.
    """
    command, *options = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help", "help"):
        print(HELP)
    elif command in ("-V", "--version"):
        print(f"torchheads {__version__}")
    elif command in COMMANDS:
        # Threads that wait by spinning, OpenMP's default, make a small model several times slower on a busy machine.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from torchheads.config import run_app

        run_app(command, f"torchheads.{command}:{command}", options)
    else:
        near = get_close_matches(command, COMMANDS, n=1)
        remedy = f"torchheads {near[0]}" if near else "torchheads --help"
        print(f"TH-H04: there is no command {command!r}; allowed {', '.join(COMMANDS)}. Try: {remedy}", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
