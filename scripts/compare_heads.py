"""Compare softmax and sigmoid on several data sets, with seeds, intervals and a report.

python scripts/compare_heads.py study=embedded
"""

import sys

from torchheads.cli import main

if __name__ == "__main__":
    main(["compare", *sys.argv[1:]])
