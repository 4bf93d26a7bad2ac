"""A run of a study in a process of its own, which ends with the command that started it, however that ends."""

import os
import threading

from torchheads.cli import main


def leave_with_parent() -> None:
    """Wait until the standard input is closed, which happens when the parent ends or is killed; then end at once."""
    while os.read(0, 4096):
        pass
    os._exit(3)


if __name__ == "__main__":
    threading.Thread(target=leave_with_parent, daemon=True).start()
    main()
