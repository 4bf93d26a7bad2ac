"""ARFF files against scipy's reader, by hand, and with one fault each."""

import random
import tracemalloc

import numpy as np
import pytest
import torch
from scipy.io import arff as scipy_arff

from torchheads.errors import DataError
from torchheads.tables import Attribute, encode, read_arff

BIRDS = r"""% Birds seen, %quoted
@RELATION 'birds: -C 2'

@Attribute size NUMERIC
@attribute	'main colour'	{red, 'light blue', green}
@attribute 'Swainson\'s Thrush' {0,1}
@ATTRIBUTE weight real
@DATA
0.5,red,1,-2e3
% a comment between
 7 , 'light blue' , 0 , 1 % a comment behind

{}
{ 3 -1.5, 1 'light blue' }
{2	1, 0 4} % behind
?,green,?,3
{0 ?}
"""
NAN = float("nan")
VALUES = [
    [0.5, 0, 1, -2000],
    [7, 1, 0, 1],
    [0, 0, 0, 0],
    [0, 1, 0, -1.5],
    [4, 0, 1, 0],
    [NAN, 2, NAN, 3],
    [NAN, 0, 0, 0],
]


def written(folder, text, encoding="utf-8"):
    file = folder / "birds.arff"
    file.write_bytes(text.encode(encoding))
    return file


def refused(folder, text, match):
    with pytest.raises(DataError, match=match):
        read_arff(written(folder, text))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_by_hand(tmp_path, newline, encoding):
    table = read_arff(written(tmp_path, BIRDS.replace("\n", newline), encoding))
    assert table.attributes == (
        Attribute("size"),
        Attribute("main colour", ("red", "light blue", "green")),
        Attribute("Swainson's Thrush", ("0", "1")),
        Attribute("weight"),
    )
    torch.testing.assert_close(table.values, torch.tensor(VALUES), rtol=0, atol=0, equal_nan=True)
    assert table.lines.tolist() == [9, 11, 13, 14, 15, 16, 17]
    assert table.where(1).endswith("birds.arff, line 11")


def test_absent_categories_of_a_sparse_row_are_the_first_declared(tmp_path):
    file = written(tmp_path, "@attribute a {1,0}\n@attribute b {0,1}\n@data\n{1 1}\n")
    table = read_arff(file)
    chosen = [
        attribute.categories[int(place)] for attribute, place in zip(table.attributes, table.values[0], strict=True)
    ]
    assert chosen == ["1", "1"]


def random_arff(rows: int) -> str:
    draw = random.Random(0)
    lines = ["@relation r", *(f"@attribute n{i} real" for i in range(5)), "@attribute c {x,y,z}", "@data"]
    for _ in range(rows):
        numbers = [f"{draw.gauss(0, 100):.7g}" if draw.random() > 0.1 else "?" for _ in range(5)]
        lines.append(",".join([*numbers, draw.choice("xyz")]))
    return "\n".join(lines) + "\n"


def test_against_scipy(tmp_path):
    file = written(tmp_path, random_arff(200))
    rows, meta = scipy_arff.loadarff(file)
    table = read_arff(file)
    assert [attribute.name for attribute in table.attributes] == meta.names()
    numbers = np.array([[row[i] for i in range(5)] for row in rows.tolist()], dtype=np.float32)
    np.testing.assert_array_equal(table.values[:, :5].numpy(), numbers)
    letters = [table.attributes[5].categories[int(place)] for place in table.values[:, 5]]
    assert letters == [row[5].decode() for row in rows.tolist()]


def test_a_sparse_file_says_the_same_as_a_dense_one(tmp_path):
    dense = read_arff(written(tmp_path, random_arff(50)))
    head, _, body = random_arff(50).partition("@data\n")
    sparse = ["{" + ", ".join(f"{i} {cell}" for i, cell in enumerate(line.split(","))) + "}" for line in body.split()]
    again = read_arff(written(tmp_path, head + "@data\n" + "\n".join(sparse)))
    torch.testing.assert_close(again.values, dense.values, rtol=0, atol=0, equal_nan=True)


def test_one_hot_columns_have_the_names_of_their_categories(tmp_path):
    file = written(tmp_path, "@attribute colour {red,blue}\n@attribute size real\n@data\nblue,3\nred,4\n")
    features, names = encode(read_arff(file), [1, 0])
    assert names == ("size", "colour=red", "colour=blue")
    assert features.tolist() == [[3, 0, 1], [4, 1, 0]]
    assert features.dtype == torch.float32
    assert encode(read_arff(file), [])[0].shape == (2, 0)


def test_a_missing_value_is_no_feature(tmp_path):
    table = read_arff(written(tmp_path, BIRDS))
    with pytest.raises(
        DataError, match=r"TH-D27: .*birds\.arff, line 16: attribute 'size' has no value .*one of 2 such"
    ):
        encode(table, [0])
    assert encode(table, [3])[0].shape == (7, 1)


def test_a_table_without_rows(tmp_path):
    table = read_arff(written(tmp_path, "@attribute a real\n@attribute b {x,y}\n@data\n"))
    assert table.values.shape == (0, 2)
    assert encode(table, [0, 1])[0].shape == (0, 3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0.5,red,1", r"line 9: 3 values; allowed 4, one an attribute"),
        ("0.5,red,1,2,3", r"line 9: 5 values; allowed 4"),
        ("0.5,red,1,2\n\n0.5,red,1,", r"line 11: attribute 'weight' has the value ''; allowed a finite number"),
        ("half,red,1,2", r"line 9: attribute 'size' has the value 'half'; allowed a finite number"),
        ("nan,red,1,2", r"attribute 'size' has the value 'nan'"),
        ("inf,red,1,2", r"attribute 'size' has the value 'inf'"),
        ("1e39,red,1,2", r"attribute 'size' has the value '1e39'"),
        ("1_000,red,1,2", r"attribute 'size' has the value '1_000'"),
        ("1,pink,1,2", r"attribute 'main colour' has the value 'pink'; allowed 'red', 'light blue', 'green', or \?"),
        ("1,'pink,1,2", r"line 9: a quotation mark ' without its partner"),
        ("{4 1}", r"line 9: the entry '4 1' of a sparse row.*place of 0\.\.3 at most once"),
        ("{0 1, 0 2}", r"the entry '0 2' of a sparse row"),
        ("{-1 1}", r"the entry '-1 1'"),
        ("{0}", r"the entry '0'"),
        ("{0 1,}", r"the entry ''"),
        ("{0 1", r"the entry '\{0 1'"),
        ("{1 pink}", r"attribute 'main colour' has the value 'pink'"),
        ("{0 nan}", r"attribute 'size' has the value 'nan'"),
    ],
)
def test_rows_that_are_refused(tmp_path, rows, message):
    refused(tmp_path, BIRDS.partition("0.5,red")[0] + rows, f"TH-D26: .*birds.arff, .*{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"birds\.arff has no line @data"),
        ("@attribute a real\n1\n", r"line 2: '1' is no declaration"),
        ("@relation r\n@data\n1\n", r"declares no attribute"),
        ("@attribute a real\n@attribute 'a' real\n@data\n", r"line 2: the attribute 'a' is declared before"),
        ("PK\x03\x04 a zip file", r"line 1: 'PK.*' is no declaration"),
    ],
)
def test_headers_that_are_refused(tmp_path, text, message):
    refused(tmp_path, text, f"TH-D24: .*{message}")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"TH-D24: .*none\.arff cannot be read: No such file"):
        read_arff(tmp_path / "none.arff")
    with pytest.raises(DataError, match=r"TH-D24: .* cannot be read: Is a directory"):
        read_arff(tmp_path)
    with pytest.raises(DataError, match=r"line 2: byte 0xe4 is no UTF-8.*Try: iconv -f latin1 -t utf8 birds\.arff"):
        read_arff(written(tmp_path, "@relation r\n@attribute h\xe4her real\n@data\n", "latin1"))


def test_no_python_number_is_kept(tmp_path):
    rows, columns = 2000, 50
    head = "".join(f"@attribute n{i} real\n" for i in range(columns))
    file = written(tmp_path, head + "@data\n" + "\n".join([",".join(["0.123456"] * columns)] * rows))
    tracemalloc.start()
    table = read_arff(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.values.shape == (rows, columns)
    assert peak < 2.5 * 4 * rows * columns  # the array as it grows; one Python float a cell would be 24 bytes more
