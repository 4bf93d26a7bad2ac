"""Declarations and quoted text: worked examples, and what is refused."""

import pytest

from torchheads.errors import DataError
from torchheads.tables.arff_header import Attribute, read_attribute, split_cells, unquote


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("1,2", ["1", "2"]),
        (" 1 ,, 2 ", ["1", "", "2"]),
        ("'a, b',\"c, d\"", ["'a, b'", '"c, d"']),
        (r"'it\'s',x", [r"'it\'s'", "x"]),
        ("1, 2 % three, four", ["1", "2"]),
        ("'5 %', 6", ["'5 %'", "6"]),
        ("", [""]),
    ],
)
def test_cells(text, cells):
    assert split_cells(text) == cells


def test_a_lonely_quotation_mark():
    with pytest.raises(ValueError, match="quotation mark ' without its partner"):
        split_cells("1, Swainson's")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("plain", "plain"),
        (r"'Swainson\'s Thrush'", "Swainson's Thrush"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        (r"'a\tb'", "a\tb"),
        ("''", ""),
        ("'", "'"),
    ],
)
def test_unquote(cell, text):
    assert unquote(cell) == text


@pytest.mark.parametrize(
    ("declaration", "attribute"),
    [
        ("size numeric", Attribute("size")),
        ("size REAL % metres", Attribute("size")),
        ("size\tInteger", Attribute("size")),
        (r"'Swainson\'s Thrush' {0,1}", Attribute("Swainson's Thrush", ("0", "1"))),
        ("\"a {b} % c\"{x, 'y, z'}", Attribute("a {b} % c", ("x", "y, z"))),
        ("location {2,10, 1 } % places", Attribute("location", ("2", "10", "1"))),
        ("colour {'}',b}", Attribute("colour", ("}", "b"))),
    ],
)
def test_attributes(declaration, attribute):
    assert read_attribute(declaration, "a.arff, line 1") == attribute


@pytest.mark.parametrize(
    ("code", "declaration", "what"),
    [
        ("D25", "'seen on' DATE \"yyyy-MM-dd\"", r"'seen on' is of type date.*without 'seen on'"),
        ("D25", "remarks String", r"'remarks' is of type string"),
        ("D25", "bag relational", r"'bag' is of type relational"),
        ("D24", "size", r"'size' has no name with a type after it"),
        ("D24", "", r"has no name"),
        ("D24", "size real [0,1]", r"unknown type 'real \[0,1\]'"),
        ("D24", "size number", r"unknown type 'number'"),
        ("D24", "colour {a,b", r"categories '\{a,b'"),
        ("D24", "colour {}", r"categories '\{\}'"),
        ("D24", "colour {a,,b}", r"empty or repeated"),
        ("D24", "colour {a,b,'a'}", r"empty or repeated"),
        ("D24", "colour {a,it's}", r"'colour' has a quotation mark ' without its partner"),
    ],
)
def test_what_is_no_declaration(code, declaration, what):
    with pytest.raises(DataError, match=rf"TH-{code}: a\.arff, line 1: .*{what}"):
        read_attribute(declaration, "a.arff, line 1")
