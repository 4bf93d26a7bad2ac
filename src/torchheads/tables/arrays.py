"""Arrays by name out of ``.npz``, ``.safetensors`` and Parquet files; nothing that is read can run code.

n rows.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from torchheads.errors import DataError
from torchheads.tables.parquet_file import import_parquet, readable
from torchheads.tables.text_file import check_file

Arrays = dict[str, NDArray[Any]]
CLASS_NAMES: Final = "class_names"


def read_arrays(path: Path) -> Arrays:
    """All arrays of a file, by name; class names also from the file's metadata, where they are a JSON list.

    Raises:
        DataError: code D10 for a file that cannot be read, D23 for an array of Python objects.
    """
    check_file(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        problem = f"{path} ends in {path.suffix!r}; allowed {', '.join(READERS)}"
        raise DataError("D10", problem, "numpy.savez(path, features=features, target=target)")
    return reader(path)


def read_npz(path: Path) -> Arrays:
    """The arrays of an archive of numpy; pickled ones are refused."""
    with path.open("rb") as file:  # numpy leaves a file open that is no archive
        try:
            archive = np.load(file, allow_pickle=False)
            names = archive.files
        except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            remedy = "numpy.savez(path, features=features, target=target)"
            raise DataError("D10", f"{path} cannot be read as npz ({_reason(error)})", remedy) from error
        return {name: _member(path, archive, name) for name in names}


def _member(path: Path, archive: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    try:
        return archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise DataError("D10", f"{path}: array {name!r} is damaged ({_reason(error)})", "the file anew") from error
        problem = f"{path}: array {name!r} holds Python objects, which are not unpickled; allowed numbers or texts"
        remedy = f"numpy.asarray({name}.tolist()) before saving, which must not be of dtype object"
        raise DataError("D23", problem, remedy) from error
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError("D10", f"{path}: array {name!r} is damaged ({_reason(error)})", "the file anew") from error


def read_safetensors(path: Path) -> Arrays:
    """The tensors of a safetensors file, half precision as single."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise DataError("D10", f"{path} cannot be read as safetensors ({_reason(error)})", "the file anew") from error
    arrays = {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in tensors.items()}
    return arrays | _class_names(path, metadata.get(CLASS_NAMES))


def read_parquet(path: Path) -> Arrays:
    """The columns of a Parquet file; lists of one length become the rows of a matrix."""
    parquet = import_parquet()
    with readable(path):
        table = parquet.read_table(path)
    metadata = (table.schema.metadata or {}).get(CLASS_NAMES.encode())
    arrays = {name: _matrix(path, name, table.column(name).combine_chunks()) for name in table.schema.names}
    return arrays | _class_names(path, metadata)


def _matrix(path: Path, name: str, column: Any) -> NDArray[Any]:
    """A column as an array of shape (N,), one of lists as (N, D); a null is NaN, "" or, in a list, NaN."""
    if not hasattr(column.type, "value_field"):
        return _plain(column)
    lengths = column.value_lengths().to_pylist()
    if len(set(lengths)) != 1 or lengths[0] is None:
        row = next(row for row, length in enumerate(lengths) if length is None or length != lengths[0])
        problem = f"{path}: {name}[{row}] has {lengths[row] or 0} numbers, {name}[0] has {lengths[0] or 0}"
        raise DataError("D23", f"{problem}; allowed one length", "rows of one length")
    return _plain(column.flatten()).reshape(len(column), lengths[0])


def _plain(column: Any) -> NDArray[Any]:
    from pyarrow import types  # type: ignore[import-untyped]  # an extra

    if types.is_string(column.type) or types.is_large_string(column.type) or types.is_dictionary(column.type):
        return np.array(["" if text is None else str(text) for text in column.to_pylist()], dtype=np.str_)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _class_names(path: Path, text: str | bytes | None) -> Arrays:
    if text is None:
        return {}
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list):
        problem = f"{path}: the metadata {CLASS_NAMES} are {str(text)[:60]!r}; allowed a JSON list of names"
        raise DataError("D23", problem, '{"class_names": json.dumps(names)}')
    return {CLASS_NAMES: np.array(names, dtype=np.str_)}


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


READERS: Final[dict[str, Callable[[Path], Arrays]]] = {
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    ".parquet": read_parquet,
}
