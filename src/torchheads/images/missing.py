"""Which of many files do not exist: each folder is listed once, as asking for a million files takes long."""

import os
import unicodedata
from collections.abc import Sequence


class Folder:
    """The names in a folder, listed once.

    Args:
        path: a folder, or what should be one.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._spellings: frozenset[str] | None = None
        self._closed = False
        try:
            with os.scandir(path) as entries:
                self._names = frozenset(entry.name for entry in entries if entry.is_file())
        except OSError as error:
            self._names = frozenset()
            self._closed = isinstance(error, PermissionError)  # files in it may be open to those who know their names

    def holds(self, name: str) -> bool:
        """Whether a file of this name is there.

        Some file systems find a name that a listing spells with other capitals or accents: they are asked for it.
        """
        if name in self._names:
            return True
        if self._spellings is None:
            self._spellings = frozenset(map(spelling, self._names))
        asked = self._closed or spelling(name) in self._spellings
        return asked and os.path.isfile(os.path.join(self.path, name))


def spelling(name: str) -> str:
    """A name as file systems compare it that care for neither capitals nor the way accents are written.

    Example:
        >>> spelling("CAFE\\u0301") == spelling("caf\\u00e9")
        True
    """
    return unicodedata.normalize("NFC", name).casefold()


def missing_rows(root: str, paths: Sequence[str]) -> list[int]:
    """Rows of the paths, relative to ``root``, at which there is no file; ascending."""
    folders: dict[str, Folder] = {}
    missing = []
    for row, path in enumerate(paths):
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = Folder(os.path.join(root, folder))
        if not folders[folder].holds(name):
            missing.append(row)
    return missing
