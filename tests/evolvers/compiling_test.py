"""Where compiled code is kept, and when it is said that it is being made."""

import functools
import os
import pathlib
import runpy
import stat
import sys
import tempfile

import pytest

from evolvers import private_folder
from tests.keras_fool import processes

# Numba's own words where neither the source's folder nor the home directory can be written:
# root may write everywhere, so the file is one that has neither.
_PROGRAM = """
import sys
from numba.core import caching

from evolvers import compiling

if "nowhere" in sys.argv:
    for locator in caching.CacheImpl._locator_classes:
        if locator.__name__ != "UserProvidedCacheLocator":
            locator.from_function = classmethod(lambda *_: None)

@compiling.compiled()
def double(number):
    return 2 * number

with compiling.told(lambda words: print("told", words)):
    print(double(21))
    print(double(21))
"""


def started(tmp_path: pathlib.Path, *words: str, **environment: str) -> list[str]:
    program, out, log = (tmp_path / name for name in ("program.py", "out", "log"))
    program.write_text(_PROGRAM)
    out.write_text("")
    run = functools.partial(_run, program, words, environment)
    processes.start_function(run, log=log, out=out).finish()
    assert log.read_text() == ""
    return out.read_text().splitlines()


def _run(program: pathlib.Path, words: tuple[str, ...], environment: dict[str, str]) -> None:
    os.environ.pop("HOME", None)
    os.environ |= environment
    tempfile.tempdir = None  # it is looked for again
    sys.argv = [str(program), *words]
    runpy.run_path(str(program), run_name="__main__")


def test_it_is_said_when_something_is_compiled_and_only_then(tmp_path):
    first = started(tmp_path)
    assert [line[:4] for line in first] == ["told", "42", "42"]
    assert "which is done once" in first[0]
    assert started(tmp_path) == ["42", "42"]


def test_where_nothing_can_be_written_a_temporary_folder_keeps_it(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    first = started(tmp_path, "nowhere", TMPDIR=str(temporary))

    (folder,) = temporary.iterdir()
    assert str(folder / "numba") in first[0]
    assert "NUMBA_CACHE_DIR" in first[0]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert started(tmp_path, "nowhere", TMPDIR=str(temporary)) == ["42", "42"]


class TestPrivateFolder:
    @pytest.fixture
    def temporary(self, tmp_path, monkeypatch) -> pathlib.Path:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        return tmp_path

    def test_it_is_the_same_for_each_process(self, temporary):
        folder = private_folder.private_folder("a")
        assert folder.is_dir()
        assert private_folder.private_folder("a") == folder
        assert [path.name for path in temporary.iterdir()] == [f"keras_fool-{os.getuid()}"]

    @pytest.mark.parametrize("kind", ["open", "link", "file"])
    def test_what_others_can_write_is_not_taken(self, temporary, kind):
        there = temporary / f"keras_fool-{os.getuid()}"
        elsewhere = temporary / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        if kind == "open":
            there.mkdir()
            there.chmod(0o777)
        elif kind == "link":
            there.symlink_to(elsewhere)
        else:
            there.write_text("")

        folder = private_folder.private_folder("a")

        assert there not in folder.parents
        assert list(elsewhere.iterdir()) == []
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
