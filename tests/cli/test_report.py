# SPDX-License-Identifier: GPL-2.0-only
"""The page of `xenpv report` in a real browser, and what it does with files that are none."""

import json
import os
import re
import struct
import subprocess

import pytest

import samples
from browser import Browser
from command import refused, xenpv


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{name: page}: of one file, of two, of the demo's report, and of one from before versions."""
    folder = tmp_path_factory.mktemp("pages")
    files = {"before": samples.results(), "after": samples.results(samples.disk_rows(1.2)),
             "demo": samples.demo_report(), "bed": samples.bed_report()}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    pages = {}
    for name, sources in {"one": ["before"], "two": ["before", "after"], "demo": ["demo"], "bed": ["bed"]}.items():
        pages[name] = folder / f"{name}.html"
        done = xenpv("report", *[folder / f"{source}.json" for source in sources], "-o", pages[name])
        assert done.returncode == 0, done.stderr
    return pages


@pytest.fixture
def browser(tmp_path):
    return Browser(tmp_path)


CHARTS = {  # pictures of workloads, histograms and counters; bars of the workloads; curves
    "one": (9 + 6 + 4 + 1, 6 * 3 + 3 * 2, 18),
    "two": (9 + 6 + 4 + 1, 2 * 6 * 3 + 3 * 2, 36),
    "demo": (8 + 0 + 1, 6 * 3 + 2 * 4, 0),
    "bed": (6 * 3 + 3, 6 * 3 * 4 + 3 * 6 * 2 - 1, 0)}


@pytest.mark.parametrize("width", [520, 1240])
@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_there_and_fit(made, browser, name, width):
    found = browser.look(made[name], width)
    charts, bars, curves = CHARTS[name]
    assert found["charts"] == charts
    assert found["bars"] > bars
    assert found["curves"] == curves
    assert found["overflow"] == [] and found["overlap"] == []
    assert found["page"]["wide"] <= found["page"]["window"]
    assert 0.3 < found["widest"] < 0.8


def brightness(colour):
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


def test_light_and_dark(made, browser):
    light, dark = (browser.look(made["one"], dark=dark) for dark in (False, True))
    assert brightness(light["paper"]) > 700 > 200 > brightness(light["ink"])
    assert brightness(dark["paper"]) < 200 < 600 < brightness(dark["ink"])


def test_loads_intervals_costs_and_the_machine_are_told(made):
    page = made["bed"].read_text(encoding="utf-8")
    for part in ("random read 4 KiB QD1, dom0 busy", "random read 4 KiB QD1, another guest computing",
                 "intree: no difference shown (", "dom0: 0.25x (", "instructions", "exits",
                 "the machine was not quiet", "other programs had 40% of the CPUs"):
        assert part in page, part
    assert "not quiet" not in made["one"].read_text(encoding="utf-8")


def test_on_paper(made, browser):
    pdf = browser.print(made["one"])
    info = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    assert "A4" in info
    assert 2 <= int(re.search(r"Pages:\s+(\d+)", info)[1]) <= 8
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    for workload in [*samples.DISK, *samples.NETWORK]:
        assert text.count(workload) >= 2, workload
    assert "18917" in text and "217x" in text


def test_png_shows_the_whole_page(made, browser, tmp_path):
    source, png = made["one"].with_name("before.json"), tmp_path / "page.png"
    done = xenpv("report", source, "-o", tmp_path / "page.html", "--png", png)
    assert done.returncode == 0, done.stderr
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    assert width == 1240
    assert abs(height - browser.look(tmp_path / "page.html")["page"]["high"]) < 60
    assert png.stat().st_size > 100_000
    # The font and its colours are this machine's: what it looks like is judged by eye, build/report.png.


def test_without_a_browser_nothing_is_written(made, tmp_path):
    bare = dict(os.environ, PATH=str(tmp_path))
    said = refused(3, "report", made["one"].with_name("before.json"), "-o", tmp_path / "x.html", "--png",
                   tmp_path / "x.png", env=bare)
    assert "made by Chromium" in said and "apt install chromium" in said
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_results(tmp_path):
    target = tmp_path / "x.html"
    newer, text = tmp_path / "newer.json", tmp_path / "text.json"
    newer.write_text(json.dumps(samples.results(version=3)))
    text.write_text("hello")
    for path, why in ((tmp_path / "absent.json", "No such file"), (newer, "results of version 3"),
                      (text, "is not JSON"), (tmp_path, "is a directory")):
        assert why in refused(2, "report", path, "-o", target)
    assert not target.exists()


def test_results_are_not_overwritten(tmp_path):
    source = tmp_path / "a.json"
    source.write_text(json.dumps(samples.results()))
    before = source.read_bytes()
    assert "is one of the results" in refused(2, "report", source, "-o", source)
    assert "is no file" in refused(2, "report", source, "-o", tmp_path)
    assert "cannot write to" in refused(2, "report", source, "-o", tmp_path / "no/x.html")
    assert source.read_bytes() == before


def test_options_that_are_missing_or_unknown():
    refused(2, "report")
    refused(2, "report", "a.json", "--pdf", "x")
