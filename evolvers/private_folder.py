"""A temporary folder of this user, for machines where no other place can be written."""

import contextlib
import os
import pathlib
import stat
import tempfile


def private_folder(name: str) -> pathlib.Path:
    """A temporary folder that only this user can write, the same one for every process.

    Args:
        name: What it is for.

    Raises:
        OSError: There is no place for temporary files.
    """
    base = pathlib.Path(tempfile.gettempdir()) / f"keras_fool-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        base.mkdir(mode=0o700)
    found = base.lstat()  # not following a link: another user may have been here first
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_own or stat.S_IMODE(found.st_mode) & 0o077:
        base = pathlib.Path(tempfile.mkdtemp(prefix="keras_fool-"))
    folder = base / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
