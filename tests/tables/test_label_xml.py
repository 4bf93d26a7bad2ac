"""Names of labels from XML, in any depth and namespace, and files that are none."""

import pytest

from torchheads.errors import DataError
from torchheads.tables import read_label_names

NESTED = """<?xml version="1.0" encoding="utf-8"?>
<labels xmlns="http://mulan.sourceforge.net/labels">
  <label name="bird"><label name="Swainson&apos;s &amp; &#246;ther"/><label name="wren"></label></label>
  <!-- <label name="no"/> -->
  <label name="frog"/>
</labels>"""


def written(folder, text, encoding="utf-8"):
    file = folder / "birds.xml"
    file.write_bytes(text.encode(encoding))
    return file


def test_nested_labels_and_entities(tmp_path):
    assert read_label_names(written(tmp_path, NESTED)) == ("bird", "Swainson's & öther", "wren", "frog")


def test_other_encodings_and_no_namespace(tmp_path):
    plain = NESTED.replace(' xmlns="http://mulan.sourceforge.net/labels"', "")
    assert read_label_names(written(tmp_path, plain, "utf-8-sig"))[1] == "Swainson's & öther"
    latin = '<?xml version="1.0" encoding="latin-1"?><labels><label name="h\xe4her"/></labels>'
    assert read_label_names(written(tmp_path, latin, "latin1")) == ("häher",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"is no XML: no element found"),
        ("<labels><label name='a'></labels>", r"is no XML: mismatched tag"),
        ("name,label", r"is no XML"),
        ("<?xml version='1.0' encoding='klingon'?><labels/>", r"is no XML"),
        ("<labels/>", r"has no label"),
        ("<labels><label name='a'/><label/></labels>", r"has a label without a name"),
        (
            "<labels><label name='a'/><label name='b'><label name='a'/></label></labels>",
            r"has the labels \['a'\] twice",
        ),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><labels><label name='&a;'/></labels>", r"defines entities of its own"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"TH-D28: .*birds\.xml {message}"):
        read_label_names(written(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"TH-D28: .* cannot be read: No such file"):
        read_label_names(tmp_path / "none.xml")
    with pytest.raises(DataError, match=r"TH-D28: .* cannot be read: Is a directory"):
        read_label_names(tmp_path)
