"""Changes of the folder of taught concepts: each is kept with what it replaced, to be undone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from concept_control.errors import LibraryError
from concept_control.input_files import read_json

HISTORY = '.changes'
"""Folder of the changes, inside that of the concepts: one numbered folder each."""

MAX_CHANGES = 50
"""Number of changes that are kept."""

_CHANGE = 'change.json'


@contextmanager
def recorded(folder: Path, text: str, names: Sequence[str]) -> Iterator[None]:
    """Record a change of some concepts' files, which is made inside the `with` block.

    Args:
        folder: Folder of taught concepts.
        text: Words for the change, e.g. "deleted bridge".
        names: Names of the concepts whose files appear, change or go.

    Raises:
        OSError: if the folder cannot be written.
    """
    changes = _changes(folder)
    entry = folder / HISTORY / f'{int(changes[-1].name) + 1 if changes else 1:06}'
    entry.mkdir(parents=True)
    try:
        for name in names:
            if (path := folder / f'{name}.npz').exists():
                shutil.copy2(path, entry)
        (entry / _CHANGE).write_text(json.dumps({'text': text, 'names': list(names)}))
        yield
    except BaseException:
        shutil.rmtree(entry, ignore_errors=True)
        raise
    for old in changes[: len(changes) + 1 - MAX_CHANGES]:
        shutil.rmtree(old, ignore_errors=True)


def undo(folder: Path) -> str:
    """Take the last change back; return what it was.

    Raises:
        LibraryError: if there is none, or the folder cannot be written.
    """
    changes = _changes(folder)
    if not changes:
        raise LibraryError(f'there is nothing to undo: no change of {folder} was recorded')
    entry = changes[-1]
    try:
        change = read_json(entry / _CHANGE, LibraryError)
        for name in change['names']:
            kept, path = entry / f'{name}.npz', folder / f'{name}.npz'
            if kept.exists():
                # A new time of change, so that a running concept_model looks at it again.
                kept.touch()
                kept.replace(path)
            else:
                path.unlink(missing_ok=True)
        shutil.rmtree(entry)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LibraryError(f'the change in {entry} cannot be undone: {error}') from error
    return str(change['text'])


def _changes(folder: Path) -> list[Path]:
    """Return the folders of the changes, the oldest first."""
    return sorted(p for p in (folder / HISTORY).glob('*') if p.name.isdecimal())
