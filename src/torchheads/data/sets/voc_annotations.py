"""One annotation of Pascal VOC: an XML file that names the objects of a picture."""

from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree

from torchheads.errors import DataError

LARGEST: Final = 16 * 2**20
"""Bytes of the largest annotation that is read; those of VOC have some thousand."""

ALLOWED: Final = "allowed <annotation> with an <object> for each object, and <name> and <difficult> in it"


class AnnotatedObject(NamedTuple):
    """What an object is, and whether it is marked as difficult to recognise."""

    name: str
    is_difficult: bool


class WithoutDoctype(ElementTree.TreeBuilder):
    """Builds the tree of a file; refuses definitions of its own, by which a small file can become a huge one."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called before the first definition is read."""
        raise ValueError("it begins with <!DOCTYPE ...>")


def read_objects(file: Path) -> list[AnnotatedObject]:
    """The objects of a picture; their parts (such as a person's head) are not.

    Raises:
        DataError: code D38, with the position, for what is no such XML; D39 for a file that is not there.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "1.xml")
        ...     _ = file.write_text("<annotation><object><name>cat</name></object></annotation>")
        ...     read_objects(file)
        [AnnotatedObject(name='cat', is_difficult=False)]
    """
    try:
        if file.stat().st_size > LARGEST:
            raise refuse(file, f"it has {file.stat().st_size} bytes, more than {LARGEST}")
        root = ElementTree.fromstring(file.read_bytes(), ElementTree.XMLParser(target=WithoutDoctype()))
    except FileNotFoundError as error:
        problem = f"there is no annotation {file}, which its image set names; allowed one for each picture"
        raise DataError("D39", problem, "the annotation there, or the picture out of the image set") from error
    except OSError as error:
        raise refuse(file, error.strerror or type(error).__name__) from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise error if isinstance(error, DataError) else refuse(file, str(error)) from error
    if root.tag != "annotation":
        raise refuse(file, f"its root is <{root.tag}>")
    return [read_object(file, element) for element in root.iterfind("object")]


def read_object(file: Path, element: ElementTree.Element) -> AnnotatedObject:
    """Name and difficulty of one object.

    Raises:
        DataError: code D38, for an object without a name, or a difficulty that is neither 0 nor 1.
    """
    name = (element.findtext("name") or "").strip()
    difficult = (element.findtext("difficult") or "0").strip()
    if not name:
        raise refuse(file, "an object in it has no name")
    if difficult not in ("0", "1"):
        raise refuse(file, f"an object in it has <difficult>{difficult}</difficult>, neither 0 nor 1")
    return AnnotatedObject(name, difficult == "1")


def refuse(file: Path, reason: str) -> DataError:
    """The error of a file that is no annotation."""
    return DataError("D38", f"{file} cannot be read as an annotation: {reason}; {ALLOWED}", "the file as published")
