"""``torchheads report``: from folders of runs to a page with their pictures, read by a browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_runs import write_fake_run

from torchheads.cli import main
from torchheads.data import Digits
from torchheads.make_report import as_uri, pictures_of
from torchheads.study.runs import read_run

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
DIGITS = """
data: {_target_: torchheads.data.Digits, split_seed: 0, augment: null, mix: null, sampling: null}
backbone: {_target_: torchheads.backbones.Cnn, input_shape: "???", widths: [8]}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two heads, two seeds, whose folders say that their data are the digits."""
    digits = Digits().split("test").target.numpy()
    for head, skill in (("softmax", 1.0), ("sigmoid", 2.0)):
        for seed in range(2):
            place = tmp_path / "study" / "runs" / head / f"seed-{seed}"
            write_fake_run(place, head=head, seed=seed, skill=skill, classes=10, target=digits)
            (place / "config.yaml").write_text(DIGITS)
    return tmp_path / "study"


def test_a_report_of_any_runs(study: Path, capsys: Any) -> None:
    main(["report", str(study), "--resamples", "99"])
    page = study / "report" / "report.html"
    assert f"Report: {page}" in capsys.readouterr().out.replace("\n", "")
    text = page.read_text(encoding="utf-8")
    assert text.count('<img src="data:image/png;base64,') >= 2
    assert "No pictures" not in text
    assert json.loads((study / "report" / "report.json").read_text())["how"]["command"] is None


def test_what_a_study_knows_is_on_the_page(study: Path, tmp_path: Path) -> None:
    facts = {"heads": ["sigmoid", "softmax"], "cells": {}, "how": {"command": "torchheads compare study=mine"}}
    (study / "study.json").write_text(json.dumps(facts))
    main(["report", str(study), "--output", str(tmp_path / "pages"), "--level", "0.9", "--resamples", "99"])
    text = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")
    assert "torchheads compare study=mine" in text
    assert "softmax \N{MINUS SIGN} sigmoid" in text
    assert "Intervals at 90 %" in text


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["nowhere"], "TH-K08"),
        (["--level", "2"], "TH-P05"),
        (["--resamples", "3"], "TH-P05"),
        (["--output", __file__], "TH-H17"),
    ],
)
def test_what_cannot_be_is_one_line(options: list[str], code: str, study: Path, capsys: Any) -> None:
    places = options if options[0] == "nowhere" else [str(study), *options]
    with pytest.raises(SystemExit):
        main(["report", *places])
    said = capsys.readouterr().err
    assert said.startswith(code)
    assert len(said.splitlines()) == 1


def test_data_that_are_gone_leave_a_gallery_without_pictures(study: Path) -> None:
    run = study / "runs" / "softmax" / "seed-0"
    (run / "config.yaml").write_text(DIGITS.replace("Digits", "Nothing"))
    pictures, why = pictures_of(read_run(run))
    assert pictures(0) is None
    assert why.startswith("No pictures: the data cannot be read any more (")
    (run / "config.yaml").unlink()
    assert pictures_of(read_run(run))[1].startswith("No pictures")


def test_data_that_have_changed_leave_a_gallery_without_pictures(study: Path) -> None:
    run = study / "runs" / "softmax" / "seed-0"
    assert pictures_of(read_run(run))[1] == ""
    (run / "config.yaml").write_text(DIGITS.replace("split_seed: 0", "split_seed: 1"))
    pictures, why = pictures_of(read_run(run))
    assert pictures(0) is None
    assert why == "No pictures: the data are not those of the run any more."


def test_facts_that_cannot_be_read(study: Path, capsys: Any) -> None:
    (study / "study.json").write_text("{")
    with pytest.raises(SystemExit):
        main(["report", str(study)])
    assert capsys.readouterr().err.startswith("TH-K08: ")


def test_pixels_become_a_png_of_the_same_shades() -> None:
    import base64
    import io

    import numpy as np
    from PIL import Image

    pixels = torch.tensor([[[0, 8], [16, 4]]], dtype=torch.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(as_uri(pixels, 16.0).partition(",")[2])))
    assert np.asarray(image).tolist() == [[0, 127], [255, 63]]
    colours = as_uri(torch.zeros(3, 300, 200, dtype=torch.uint8), 255.0)
    assert colours.startswith("data:image/jpeg;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(colours.partition(",")[2]))).size == (64, 96)


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_reads_it_without_a_word_and_nothing_sticks_out(width: int, study: Path) -> None:
    main(["report", str(study), "--resamples", "99"])
    page = study / "report" / "report.html"
    probe = study / "probe.html"
    measure = "document.title = [d.documentElement.scrollWidth, w.innerWidth, d.querySelectorAll('svg').length].join()"
    # A frame of the width asked for: windows of a headless browser are never narrower than 500.
    probe.write_text(
        f"<body><iframe id=f style='border:0;width:{width}px;height:900px' src='report/report.html'></iframe>"
        f"<script>f.onload = () => {{ const w = f.contentWindow, d = f.contentDocument; {measure} }}</script>"
    )
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [
        f"--user-data-dir={study / 'browser'}",
        "--enable-logging=stderr",
        "--v=0",
        "--virtual-time-budget=5000",
    ]
    done = subprocess.run([*command, "--dump-dom", str(probe.as_uri())], capture_output=True, text=True, timeout=120)
    title = re.search(r"<title>(\d+),(\d+),(\d+)</title>", done.stdout)
    assert title, done.stdout[-500:] + done.stderr[-500:]
    inner, window, figures = map(int, title.groups())
    assert window == width
    assert inner <= width
    assert figures >= 8
    assert "CONSOLE" not in done.stderr
    assert page.stat().st_size < 1_000_000
