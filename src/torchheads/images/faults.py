"""Whatever goes wrong between a file and its pixels becomes one line that names the picture and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image

from torchheads.errors import DataError

SKIP: Final = "data.skip_bad=1 to leave it out"


@contextmanager
def faults_named(where: str) -> Iterator[None]:
    """Turn every error of the operating system and of Pillow into a `DataError` about the picture named.

    Args:
        where: file and row of the picture.

    Raises:
        DataError: code D15 for what the operating system refuses, D17 for too many pixels, D09 for all else.
    """
    try:
        yield
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        digits = re.search(r"\d+", str(error))
        raise too_large(where, f"{int(digits[0]):,}" if digits else "too many") from error
    except Exception as error:  # damaged bytes make decoders raise nearly anything: struct.error, KeyError, zlib.error
        if isinstance(error, OSError) and error.errno is not None:
            raise unreachable(where, error.strerror or type(error).__name__) from error
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise unreadable(where, said) from error


def unreachable(where: str, reason: str) -> DataError:
    """The error of a file that is missing, is none, or may not be opened."""
    problem = f"{where} cannot be opened ({reason}); allowed a file that may be read"
    return DataError("D15", problem, f"data.root=... with the folder that holds it, or {SKIP}")


def unreadable(where: str, reason: str) -> DataError:
    """The error of a file that holds no picture, or only a part of one."""
    return DataError(
        "D09", f"{where} cannot be read as a picture ({reason})", f"a whole PNG or JPEG file there, or {SKIP}"
    )


def too_large(where: str, pixels: str) -> DataError:
    """The error of a picture that would take more memory than a picture should; nothing of it was decoded."""
    problem = f"{where} has {pixels} pixels; allowed {Image.MAX_IMAGE_PIXELS:,} (PIL.Image.MAX_IMAGE_PIXELS)"
    return DataError("D17", problem, f"a smaller copy of it, or {SKIP}")


def check_header(picture: Image.Image, where: str) -> None:
    """Refuse a picture by its header, before a pixel of it is decoded.

    Pillow itself only warns up to twice its limit.

    Raises:
        DataError: code D17 for too many pixels, D09 for PostScript, which is a program that another one would run.
    """
    width, height = picture.size
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise too_large(where, f"{width:,} x {height:,}")
    if picture.format == "EPS":
        raise unreadable(where, "PostScript")
