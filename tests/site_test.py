"""The documentation site, built as its readers get it: whole, and nothing in it from outside."""

import html.parser
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest

import keras_fool
from keras_fool import __main__ as commands
from keras_fool.studies import experiment
from tests import docs_test
from tests.keras_fool.pages import browser

pytestmark = pytest.mark.slow
# Elements that reach beyond the window's right edge, and do not scroll inside another one.
WIDE = """
const wide = [];
for (const element of document.querySelectorAll(".md-content *")) {
  if (element.getBoundingClientRect().right <= innerWidth + 1) continue;
  let outer = element.parentElement;
  while (outer.tagName !== "BODY" && getComputedStyle(outer).overflowX === "visible")
    outer = outer.parentElement;
  if (outer.tagName === "BODY") wide.push(element.outerHTML.slice(0, 200));
}
if (document.documentElement.scrollWidth > innerWidth) wide.push("the page");
return wide;
"""
BROKEN = "return [...document.images].filter(image => !image.naturalWidth).map(image => image.src)"


class Page(html.parser.HTMLParser):
    """The addresses in a page: what a browser loads by itself, links, and places to go to."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.loaded, self.links, self.places, self.text = [], [], {""}, ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if given.get("src"):
            self.loaded.append(given["src"])
        if given.get("href"):
            is_loaded = tag == "link" and given.get("rel") not in ("canonical", "next", "prev")
            (self.loaded if is_loaded else self.links).append(given["href"])

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, and its pages by their files."""
    pytest.importorskip("mkdocs", reason="needs pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    run = subprocess.run(
        command, cwd=docs_test.ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return folder, {path: Page(path) for path in folder.rglob("*.html") if path.name != "404.html"}


def test_links_lead_somewhere_and_nothing_comes_from_outside(site):
    folder, pages = site
    assert len(pages) >= len(docs_test.PAGES) + 3  # the results' and the classifiers' own
    for path, page in pages.items():
        for target in (*page.loaded, *page.links):
            address = urllib.parse.urlsplit(target)
            if address.scheme or address.netloc:
                assert target in page.links, f"{path} loads {target}"
                continue
            file = (path.parent / urllib.parse.unquote(address.path)).resolve()
            file = path if not address.path else file / "index.html" if file.is_dir() else file
            assert file.is_file(), f"{path}: {target}"
            if file in pages and not address.fragment.startswith("__"):
                fragment = urllib.parse.unquote(address.fragment)
                assert fragment in pages[file].places, f"{path}: {target}"
    for style in folder.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text("utf-8"))


def test_every_command_flag_experiment_and_function_is_there(site):
    folder, pages = site

    of_commands = pages[folder / "reference/commands.html"]
    for command in commands.commands():
        assert command in of_commands.places
        for flag in docs_test.known_flags(command):
            assert flag == "debug" or re.search(rf"--(\[no\])?{flag}\b", of_commands.text)
    assert set(experiment.NAMES) <= pages[folder / "paper/experiments.html"].places
    of_python = pages[folder / "reference/python.html"].places
    assert {f"keras_fool.{name}" for name in keras_fool.__all__ if name != "errors"} <= of_python


@pytest.mark.skipif(
    browser.DRIVER is None and os.environ.get("KERAS_FOOL_BROWSER") != "required",
    reason="needs Chromium and its driver: apt-get install chromium chromium-driver",
)
def test_pages_fit_telephones_and_ask_for_nothing(site, tmp_path):
    folder, pages = site
    inside = folder.resolve().as_uri()
    with browser.started(tmp_path / "profile") as chromium:
        chromium.screen(1280)
        chromium.requests()  # those of the start
        for path in pages:
            for width in (1280, 360):
                chromium.screen(width)
                chromium.open(path)

                assert chromium.run(WIDE) == [], f"{path} at {width} pixels"
                assert chromium.run(BROKEN) == [], path
                assert [
                    address
                    for address in chromium.requests()
                    if not address.startswith((inside, "blob:"))
                ] == [], path
                assert chromium.messages() == [], path
