"""Annotations of VOC one by one: what is kept, and what is refused with its position."""

from pathlib import Path

import pytest

from torchheads.data.sets.voc_annotations import AnnotatedObject, read_objects
from torchheads.errors import DataError


def test_objects_are_kept_and_their_parts_are_not(tmp_path: Path) -> None:
    file = tmp_path / "1.xml"
    parts = "<part><name>head</name></part><object><name>leash</name></object>"
    file.write_text(
        "<annotation><owner><name>me</name></owner>"
        f"<object><name> person\n</name><difficult> 1 </difficult>{parts}</object>"
        "<object><name>dog</name><difficult>0</difficult></object><object><name>dog</name></object></annotation>"
    )
    assert read_objects(file) == [
        AnnotatedObject("person", True),
        AnnotatedObject("dog", False),
        AnnotatedObject("dog", False),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation><object>", r"no element found: line 1, column 20"),
        ("<annotation>\n<object></annotation>", r"mismatched tag: line 2, column 10"),
        ("", "no element found"),
        ("<annotations/>", "its root is <annotations>"),
        ("<annotation><object><pose/></object></annotation>", "an object in it has no name"),
        (
            "<annotation><object><name>cat</name><difficult>2</difficult></object></annotation>",
            "<difficult>2</difficult>, neither 0 nor 1",
        ),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "unknown encoding"),
        ('<!DOCTYPE a [<!ENTITY x "cat">]><annotation><object><name>&x;</name></object></annotation>', "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "DOCTYPE"),
    ],
)
def test_a_broken_annotation_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "000001.xml"
    file.write_text(text)
    with pytest.raises(DataError, match=rf"TH-D38: .*000001\.xml cannot be read as an annotation: .*{reason}"):
        read_objects(file)


def test_entities_are_refused_in_any_encoding(tmp_path: Path) -> None:
    """A billion laughs hidden from whoever looks for ASCII letters in the bytes."""
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    text = (
        f'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><annotation>&l9;</annotation>'
    )
    file = tmp_path / "1.xml"
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(DataError, match=r"TH-D38: .*DOCTYPE"):
        read_objects(file)


def test_a_huge_annotation_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "1.xml"
    with file.open("wb") as sparse:
        sparse.truncate(2**34)
    with pytest.raises(DataError, match=r"TH-D38: .*it has 17179869184 bytes"):
        read_objects(file)


def test_a_folder_where_an_annotation_should_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"TH-D38: .*Is a directory"):
        read_objects(tmp_path)
