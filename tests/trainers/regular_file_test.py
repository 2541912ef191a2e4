import os
import socket

import pytest

from trainers import regular_file


def test_files_and_links_to_them_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")

    assert regular_file.read(tmp_path / "file", 7) == b"content"
    assert regular_file.read(str(tmp_path / "link")) == b"content"
    with pytest.raises(regular_file.NoFileError, match="more than 6 bytes"):
        regular_file.read(tmp_path / "file", 6)
    with pytest.raises(FileNotFoundError):
        regular_file.read(tmp_path / "nothing")


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket", "link to a pipe"])
def test_nothing_else_is_waited_for(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to("pipe")

    with pytest.raises(OSError, match=f"a {kind.split()[-1]}, not a file|No such device"):
        regular_file.read(path)
