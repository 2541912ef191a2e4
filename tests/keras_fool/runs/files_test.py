import errno

import pytest

from keras_fool.runs import files


def test_write_replaces(tmp_path):
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        files.write(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_failed_write_leaves_all_files_as_they_were(tmp_path, full_disk):
    small, large = tmp_path / "small", tmp_path / "large"
    files.write(small, b"before")

    with full_disk(4096), pytest.raises(OSError, match="large") as caught:
        files.write_all({small: b"after", large: b"x" * 5000})

    assert caught.value.errno == errno.EFBIG
    assert small.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["small"]


def test_growing_file_is_cut_back_to_what_was_synced(tmp_path):
    path = tmp_path / "table.csv"
    file = files.GrowingFile(path, "a,b\n")
    file.append("1,2\n")
    length, sha256 = file.sync()
    file.append("3,4\n7,8\n")
    file.close()

    again = files.GrowingFile(path, "a,b\n", length, sha256)
    again.append("5,6\n")
    again.close()

    assert path.read_text() == "a,b\n1,2\n5,6\n"


def test_growing_file_begins_anew(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("of a run that never reached a checkpoint")

    files.GrowingFile(path, "a,b\n").close()

    assert path.read_text() == "a,b\n"


@pytest.mark.parametrize("content", [None, "a,b\n"])
def test_growing_file_that_lost_lines_is_refused(tmp_path, content):
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ValueError, match=r"table\.csv is shorter"):
        files.GrowingFile(path, "a,b\n", 8)


def test_growing_file_names_itself_when_the_disk_is_full(tmp_path, full_disk):
    file = files.GrowingFile(tmp_path / "table.csv", "a,b\n")
    with full_disk(4096):
        file.append("x" * 5000)
        with pytest.raises(OSError, match=r"table\.csv"):
            file.sync()
