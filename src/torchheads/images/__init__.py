"""Pictures from files: opened with care, brought to one size, kept as bytes."""

from torchheads.images.array_pictures import ArrayPictures
from torchheads.images.base import Pictures
from torchheads.images.dataset_pictures import DatasetPictures
from torchheads.images.decoding import Decoded, decode
from torchheads.images.files import SUFFIXES, ImageFiles
from torchheads.images.image_format import ImageFormat
from torchheads.images.reading import find_format, read_image

__all__ = [
    "SUFFIXES",
    "ArrayPictures",
    "DatasetPictures",
    "Decoded",
    "ImageFiles",
    "ImageFormat",
    "Pictures",
    "decode",
    "find_format",
    "read_image",
]
