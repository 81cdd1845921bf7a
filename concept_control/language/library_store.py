"""Taught concepts on disk: one NPZ file each, with its demonstrations and where it came from.

A code belongs to the model it was inferred with. A file keeps the demonstrations, so that another
model infers its own code from them: what was taught outlives the weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, LibraryError
from concept_control.input_files import check_fields, one_line, parse_json, read_json, read_npz
from concept_control.language.appearance import identifies_by_appearance
from concept_control.language.kept_words import learn_words
from concept_control.language.library import (
    ConceptLibrary,
    LibraryConcept,
    WordEntry,
    check_name,
    hash_events,
    sentences_of,
)
from concept_control.model_files import checksum
from concept_control.output_files import replacing
from concept_control.world.demonstrations import FIELDS, VERTICAL_FIELDS, events_of, join

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


FORMAT = 1
"""Version of the files."""


@dataclass(frozen=True, kw_only=True)
class _Header(WordEntry):
    """What a file says beside its arrays; the attributes are `LibraryConcept`'s."""

    format: int
    energy: float
    model: str
    demonstrations_hash: str
    by_looks: bool
    checksum: str = ''


def save(folder: Path, concept: LibraryConcept) -> Path:
    """Write a concept, which `undo` takes back.

    A file that is being read never changes under the reader.

    Raises:
        LibraryError: if it cannot be written, or has no demonstrations.
    """
    path = folder / f'{concept.name}.npz'
    verb = 'teaching anew' if path.exists() else 'teaching'
    try:
        with recorded(folder, f'{verb} {concept.name}', [concept.name]):
            _write(path, concept)
    except OSError as error:
        raise LibraryError(f'{path} cannot be written: {error.strerror or error}') from error
    return path


def delete(folder: Path, name: str) -> None:
    """Delete a taught concept, which `undo` takes back.

    Raises:
        LibraryError: if there is none of that name, or its file cannot be deleted.
    """
    path = taught_path(folder, name)
    try:
        with recorded(folder, f'deleting {name}', [name]):
            path.unlink()
    except OSError as error:
        raise LibraryError(f'{path} cannot be deleted: {error.strerror or error}') from error


def rename(folder: Path, old: str, new: str) -> None:
    """Rename a taught concept, which `undo` takes back.

    Raises:
        LibraryError: if there is none of that name, it cannot be read or written, or the new name
            is taken or cannot be a name.
    """
    path = taught_path(folder, old)
    check_name(new, replace=True)
    if new in taught_names(folder) or new in vocabulary():
        raise LibraryError(f'{new!r} is a word already; choose another name')
    concept = replace(read(path), name=new)
    try:
        with recorded(folder, f'renaming {old} to {new}', [old, new]):
            _write(folder / f'{new}.npz', concept)
            path.unlink()
    except OSError as error:
        raise LibraryError(f'{path} cannot be renamed: {error.strerror or error}') from error


def taught_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder of taught concepts."""
    return sorted(path.stem for path in folder.glob('*.npz')) if folder.is_dir() else []


def taught_path(folder: Path, name: str) -> Path:
    """Return the file of a taught concept.

    Raises:
        LibraryError: if there is none of that name.
    """
    taught = taught_names(folder)
    if name not in taught:
        why = 'is shipped with the package' if name in vocabulary() else 'was not taught'
        raise LibraryError(f'{name!r} {why}; taught in {folder}: {", ".join(taught) or "nothing"}')
    return folder / f'{name}.npz'


def _write(path: Path, concept: LibraryConcept) -> None:
    if concept.demonstrations is None:
        raise LibraryError(f'{concept.name} has no demonstrations to keep')
    header = {
        **concept.entry_fields(),
        'energy': concept.energy,
        'model': concept.model,
        'demonstrations_hash': concept.demonstrations_hash,
        'format': FORMAT,
        'by_looks': concept.by_appearance,
    }
    header['checksum'] = _checksum(header, concept.code)
    shown = concept.demonstrations
    is_solid = shown.has_heights or shown.has_open_boxes
    names = (*FIELDS, *VERTICAL_FIELDS) if is_solid else FIELDS
    arrays = {name: getattr(shown, name).cpu().numpy() for name in names}
    with replacing(path) as file:
        np.savez_compressed(
            file, header=np.array(json.dumps(header)), code=concept.code.to_array(), **arrays
        )


def _checksum(header: dict[str, Any], code: ConceptCode) -> str:
    """Return the checksum of a header, which has that of the demonstrations, and of a code."""
    return checksum({**header, 'code': hashlib.sha256(code.to_array().tobytes()).hexdigest()})


def load(path: Path, model: ConceptModel) -> LibraryConcept:
    """Read a concept; for another model than it was taught to, its code is inferred again.

    Raises:
        LibraryError: as `read`.
    """
    concept = read(path)
    if concept.model == model.fingerprint:
        return concept
    if concept.demonstrations is None:
        raise LibraryError(f'{concept.name} belongs to the model {concept.model}')
    demonstrations = join([concept.demonstrations])
    code = model.infer(demonstrations)
    return replace(
        concept,
        code=code,
        energy=float(model.energy(demonstrations, code).mean()),
        model=model.fingerprint,
        by_appearance=concept.selects and identifies_by_appearance(model, code, demonstrations),
        self_test=f'{concept.self_test} [with the model {concept.model}]',
        sentences=sentences_of(model, code),
    )


def read(path: Path) -> LibraryConcept:
    """Read a concept as it was written.

    Raises:
        LibraryError: if the file is none of ours, was changed, or has a name it must not have.
    """
    arrays = read_npz(path, LibraryError)
    try:
        fields = parse_json(str(arrays['header']), path, LibraryError)
        header = check_fields(_Header, fields, path, LibraryError)
        code = ConceptCode.from_array(arrays['code'])
        # As it was written, to the bit: `join` would only repeat a state that is there twice.
        demonstrations = events_of(arrays)
    except LibraryError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LibraryError(f'{path} is no taught concept: {one_line(error)}') from error
    if header.format != FORMAT:
        raise LibraryError(f'{path} has format {header.format}; this version reads {FORMAT}')
    concept = LibraryConcept(
        code=code,
        num_demonstrations=len(demonstrations),
        energy=header.energy,
        model=header.model,
        demonstrations_hash=header.demonstrations_hash,
        demonstrations=demonstrations,
        by_appearance=header.by_looks,
        **header.entry_fields(),
    )
    check_name(concept.name, replace=True)
    if concept.name != path.stem:
        raise LibraryError(f'{path} holds the concept {concept.name!r}; a file is named after it')
    is_changed = header.checksum not in ('', _checksum(fields, code))
    if is_changed or hash_events(demonstrations) != concept.demonstrations_hash:
        raise LibraryError(f'{path} was changed since it was written: teach {concept.name} again')
    # A code without a checksum, as earlier versions wrote it, is inferred again.
    return concept if header.checksum else replace(concept, model=f'{concept.model}, unchecked')


def load_all(folder: Path, model: ConceptModel) -> Iterator[LibraryConcept | str]:
    """Yield every concept in a folder, by name; a sentence for each file that is none."""
    for path in sorted(folder.glob('*.npz')) if folder.is_dir() else ():
        try:
            yield load(path, model)
        except ConceptControlError as error:
            yield str(error)


def whole_library(model: ConceptModel, folder: Path) -> ConceptLibrary:
    """Return the shipped words and what was taught, learned with a progress bar."""
    with tqdm(
        desc='learning the words',
        leave=False,
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
    ) as bar:
        library = learn_words(model, folder, progress=lambda _: bar.update())
    for found in load_all(folder, model):
        if isinstance(found, LibraryConcept):
            library.add(found)
        else:
            print(f'concept_control: {found}', file=sys.stderr)
    return library
