"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the place of another one when the block has ended.

    Who reads the other one is not disturbed, and where the block fails, as on a full disk, that
    one stays as it was and nothing is left beside it. What is no regular file is written to
    directly.

    Args:
        path: File to write, whose folder is made where it is missing.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    path = path.resolve()
    new = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            with path.open('wb') as device:
                yield device
            return
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.', suffix='.new')
        with os.fdopen(handle, 'wb') as file:
            yield file
            file.flush()
            os.fsync(handle)
        os.chmod(new, 0o644)
        os.replace(new, path)
    except BaseException as error:
        if new is not None:
            os.unlink(new)
        _name(error, path, new)
        raise


@contextmanager
def filling(folder: Path) -> Iterator[None]:
    """Let the block make and fill a new folder, of which nothing stays where the block fails."""
    try:
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        _name(error, folder)
        raise


def _name(error: BaseException, path: Path, new: str | None = None) -> None:
    """Let an error that names no file, or the `new` one, name what was to be written."""
    if isinstance(error, OSError) and error.errno is not None and error.filename in (None, new):
        error.filename = str(path)
