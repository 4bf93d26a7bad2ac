"""The console script: ``torchheads train head=sigmoid data=digits``; the command reads what follows it."""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from torchheads import __version__

HYDRA_COMMANDS = {
    "train": ("train a model, decide, test", "head=sigmoid data=digit_canvases"),
    "evaluate": ("the metrics of a checkpoint", "checkpoint=RUN/checkpoints/final.ckpt"),
    "calibrate": ("fit its thresholds, calibrator, guarantee", "checkpoint=RUN/checkpoints/final.ckpt"),
    "predict": ("its predictions as a CSV file", "checkpoint=RUN/checkpoints/final.ckpt"),
    "compare": ("heads on data sets, over seeds, with a report", "study=digits"),
    "inspect": ("what the data hold, and which head fits them", "data=digit_canvases"),
}
PLAIN_COMMANDS = {
    "report": ("the pages of runs that are there already", "outputs/studies/digits"),
    "explain": ("what softmax and sigmoid make of logits", "cat=2.1 dog=4 cow=3.2 zebra=-1"),
    "doctor": ("what is wrong with this machine and its packages", ""),
}
COMMANDS = HYDRA_COMMANDS | PLAIN_COMMANDS

MODULES = {"report": "make_report"}
"""Commands whose file has another name, that of a room being theirs."""

HELP = "\n".join(
    [
        f"torchheads {__version__}: classification heads, softmax or sigmoid",
        "",
        "usage: torchheads COMMAND [options]",
        "",
        *(
            f"  {name:<10}{text}\n{'':12}torchheads {name} {example}".rstrip()
            for name, (text, example) in COMMANDS.items()
        ),
        "",
        "torchheads COMMAND --help lists the options of a command. Of the first six,",
        "--cfg job prints the configuration; torchheads train -m head=softmax,sigmoid",
        "seed=0,1,2 runs every combination.",
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
    elif command in PLAIN_COMMANDS:
        import_module(f"torchheads.{MODULES.get(command, command)}").run(options)
    elif command in HYDRA_COMMANDS:
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
