"""Changes of what was taught are undone one by one, whoever made them."""

from dataclasses import replace

import pytest

from concept_control.errors import LibraryError
from concept_control.language import library_changes
from concept_control.language.library import LibraryConcept
from concept_control.language.library_changes import undo
from concept_control.language.library_store import delete, load, read, rename, save, taught_names


@pytest.fixture
def folder(halfway, tmp_path):
    save(tmp_path, halfway)
    return tmp_path


def test_every_change_is_taken_back_in_turn(model, halfway, folder):
    save(folder, replace(halfway, description='another', sentences=('it is in the middle',)))
    rename(folder, 'halfway', 'midway')
    assert read(folder / 'midway.npz').sentences == ('it is in the middle',)
    assert isinstance(load(folder / 'midway.npz', model), LibraryConcept)
    delete(folder, 'midway')
    assert taught_names(folder) == []
    assert undo(folder) == 'deleting midway' and taught_names(folder) == ['midway']
    assert undo(folder) == 'renaming halfway to midway' and taught_names(folder) == ['halfway']
    assert read(folder / 'halfway.npz').description == 'another'
    assert undo(folder) == 'teaching anew halfway'
    assert read(folder / 'halfway.npz').description == halfway.description
    assert undo(folder) == 'teaching halfway' and taught_names(folder) == []
    with pytest.raises(LibraryError, match='nothing to undo'):
        undo(folder)


def test_what_cannot_be_changed_is_refused_and_nothing_is_recorded(halfway, folder):
    refusals = [
        (lambda: delete(folder, 'near'), 'shipped with the package; taught in .*: halfway'),
        (lambda: rename(folder, 'nobody', 'somebody'), 'was not taught'),
        (lambda: rename(folder, 'halfway', 'near'), "'near' is a word already"),
        (lambda: rename(folder, 'halfway', 'Not A Name'), 'cannot be a name'),
        (lambda: save(folder, replace(halfway, demonstrations=None)), 'no demonstrations'),
    ]
    for change, complaint in refusals:
        with pytest.raises(LibraryError, match=complaint):
            change()
    assert undo(folder) == 'teaching halfway'


def test_only_the_last_changes_are_kept(halfway, folder, monkeypatch):
    monkeypatch.setattr(library_changes, 'MAX_CHANGES', 3)
    for _ in range(5):
        save(folder, halfway)
    for _ in range(3):
        assert undo(folder) == 'teaching anew halfway'
    with pytest.raises(LibraryError, match='nothing to undo'):
        undo(folder)
