"""The XML file beside a MULAN data set, which says which attributes are labels."""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from torchheads.errors import DataError


def read_label_names(path: str | Path) -> tuple[str, ...]:
    """Names of the labels in the order of the file; labels inside labels, a hierarchy, are labels too.

    Args:
        path: the file; ``<label name="...">`` elements at any depth, in any namespace.

    Raises:
        DataError: code D28 for a file that is no such XML, a label without a name, or a name that comes twice.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "birds.xml")
        ...     _ = file.write_text('<labels><label name="thrush"><label name="Swainson&apos;s"/></label></labels>')
        ...     read_label_names(file)
        ('thrush', "Swainson's")
    """
    allowed = 'allowed <labels><label name="..."/></labels>'
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise DataError("D28", f"{path} cannot be read: {error.strerror}", "the XML file of the data set") from error
    if b"<!ENTITY" in text:
        raise DataError("D28", f"{path} defines entities of its own; {allowed}", "&amp; &apos; &lt; &quot; alone")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError("D28", f"{path} is no XML: {error}; {allowed}", "the XML file of the data set") from error
    names = [element.get("name", "") for element in root.iter() if element.tag.rpartition("}")[2] == "label"]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if not names or "" in names or repeated:
        what = "no label" if not names else "a label without a name" if "" in names else f"the labels {repeated} twice"
        raise DataError("D28", f"{path} has {what}; {allowed}, each name once", "a name of its own for each label")
    return tuple(names)
