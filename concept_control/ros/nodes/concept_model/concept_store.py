"""The library of a running node, and the folder that keeps what it was taught."""

from __future__ import annotations

from pathlib import Path

from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, LibraryError
from concept_control.input_files import one_line
from concept_control.language.library import ConceptLibrary, LibraryConcept, check_name
from concept_control.language.library_store import load, save


class ConceptStore:
    """Holds the library and keeps it in step with a folder.

    Attributes:
        library: Concepts known now.
    """

    def __init__(self, folder: Path, model: ConceptModel) -> None:
        """Begin with no concepts; nothing is read yet, and the folder need not exist."""
        self._shipped = self.library = ConceptLibrary()
        self._folder, self._model = folder, model
        self._read: dict[Path, int] = {}

    def read_folder(self) -> tuple[bool, list[str]]:
        """Take in concepts that appeared or changed in the folder, and forget those that went.

        Returns:
            Whether the library has changed, and why files were not taken in.
        """
        has_changed, errors = False, []
        paths = sorted(self._folder.glob('*.npz')) if self._folder.is_dir() else []
        for path in [path for path in self._read if path not in paths]:
            del self._read[path]
            has_changed |= self._forget(path.stem)
        for path in paths:
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue  # gone between the two looks
            if self._read.get(path) == changed:
                continue
            self._read[path] = changed
            try:
                concept = load(path, self._model)
            except ConceptControlError as error:
                errors.append(str(error))
                continue
            except Exception as error:  # a file must not end the node, whatever is in it
                errors.append(f'{path} cannot be taken in: {one_line(error)}')
                continue
            known = self.library.get(concept.name) if concept.name in self.library else None
            if known is None or known.demonstrations_hash != concept.demonstrations_hash:
                self.library.add(concept)
                has_changed = True
        return has_changed, errors

    def begin(self, shipped: ConceptLibrary) -> None:
        """Begin with the shipped concepts, which come back where one that replaced them goes."""
        self._shipped, self.library = shipped, ConceptLibrary(shipped)

    def keep(self, concept: LibraryConcept) -> str:
        """Add a taught concept to the library and write it to the folder.

        Returns:
            Why it could not be written, and will be forgotten when the node ends; empty if it was.
        """
        error = ''
        try:
            path = save(self._folder, concept)
            self._read[path] = path.stat().st_mtime_ns
        except (LibraryError, OSError) as failure:
            error = str(failure)
        self.library.add(concept)
        return error

    def check_name(self, name: str) -> None:
        """Refuse names no expression can use, and shipped words; taught ones are taught anew.

        Raises:
            LibraryError: naming what is wrong with it.
        """
        is_taught = name in self.library and self.library.get(name).source != 'shipped'
        check_name(name, replace=is_taught)

    def _forget(self, name: str) -> bool:
        """Give up a taught concept; tell whether the library has changed."""
        if name not in self.library or self.library.get(name).source == 'shipped':
            return False
        if name in self._shipped:
            self.library.add(self._shipped.get(name))
        else:
            self.library.remove(name)
        return True
