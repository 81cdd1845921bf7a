"""Files of taught concepts: kept to the bit, inferred again for another model, never trusted."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from concept_control.energy.code import ConceptCode
from concept_control.errors import LibraryError
from concept_control.language import library_store
from concept_control.language.library import LibraryConcept
from concept_control.language.library_store import (
    delete,
    load,
    load_all,
    read,
    rename,
    save,
    taught_names,
    undo,
)
from concept_control.world.demonstrations import read_npz


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
    monkeypatch.setattr(library_store, 'MAX_CHANGES', 3)
    for _ in range(5):
        save(folder, halfway)
    for _ in range(3):
        assert undo(folder) == 'teaching anew halfway'
    with pytest.raises(LibraryError, match='nothing to undo'):
        undo(folder)


def test_a_saved_halfway_is_the_same_after_a_restart(model, halfway, tmp_path):
    path = save(tmp_path, halfway)
    again = load(path, model)
    assert np.array_equal(again.code.to_array(), halfway.code.to_array())
    for name in ('name', 'signature', 'energy', 'self_test', 'demonstrations_hash', 'model'):
        assert getattr(again, name) == getattr(halfway, name)
    assert [c.name for c in load_all(tmp_path, model)] == ['halfway']
    assert read_npz(path, []).num_events == 5  # it is a file of demonstrations too


def test_for_another_model_a_concept_is_inferred_again(model, halfway, tmp_path):
    path = save(tmp_path, replace(halfway, model='another', code=replace(halfway.code)))
    again = load(path, model)
    assert again.model == model.fingerprint and 'with the model another' in again.self_test
    assert again.energy == pytest.approx(halfway.energy, rel=1e-3)


def test_files_that_were_changed_are_left_out_and_the_others_are_not(model, halfway, tmp_path):
    path = save(tmp_path, halfway)
    with np.load(path) as file:
        arrays = dict(file)
    arrays['positions'] = arrays['positions'] + 0.01
    np.savez(tmp_path / 'changed.npz', **arrays)
    np.savez(tmp_path / 'other.npz', **{**arrays, 'positions': arrays['positions'] - 0.01})
    (tmp_path / 'noise.npz').write_bytes(b'PK\x03\x04 no zip')
    found = list(load_all(tmp_path, model))
    texts = ' '.join(one for one in found if isinstance(one, str))
    assert [one.name for one in found if not isinstance(one, str)] == ['halfway']
    for complaint in ('no NPZ file', 'named after it'):
        assert complaint in texts


def test_a_file_with_a_changed_code_or_header_is_refused_and_one_without_a_checksum_inferred_again(
    model, halfway, tmp_path
):
    path = save(tmp_path, halfway)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, 'code': halfway.code.to_array()[:-1]})
    with pytest.raises(LibraryError, match='is no taught concept'):
        load(path, model)
    other = replace(halfway.code.agreement, rule_share=0.5)
    np.savez(path, **{**arrays, 'code': ConceptCode(agreement=other).to_array()})
    with pytest.raises(LibraryError, match='changed since'):
        load(path, model)
    header = json.loads(str(arrays['header']))
    for changes in ({'selects': True}, {'arguments': [1, None]}, {'sentences': ['it is nice']}):
        np.savez(path, **{**arrays, 'header': json.dumps(header | changes)})
        with pytest.raises(LibraryError, match='changed since'):
            load(path, model)
    del header['checksum']
    np.savez(path, **{**arrays, 'header': json.dumps(header)})
    again = load(path, model)
    assert again.model == model.fingerprint and 'unchecked' in again.self_test
    assert again.energy == pytest.approx(halfway.energy, rel=1e-3)


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'energy': float('inf')}, 'finite'),
        ({'energy': 10**400}, '64 bits'),
        ({'energy': 'low'}, 'energy: .*number'),
        ({'subjects': [1]}, 'subjects'),
        ({'sentences': 7}, 'sentences'),
        ({'name': ['halfway']}, 'name'),
        ({'format': 99}, 'format 99'),
        ({'more': 1}, "unknown .'more'"),
        ('[' * 100_000 + ']' * 100_000, 'as JSON'),
        ('{}', 'Field required'),
        ('7', 'expected a mapping'),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(halfway, tmp_path, changes, why):
    path = save(tmp_path, halfway)
    with np.load(path) as file:
        arrays = dict(file)
    if isinstance(changes, dict):
        changes = json.dumps(json.loads(str(arrays['header'])) | changes)
    np.savez(path, **{**arrays, 'header': changes})
    with pytest.raises(LibraryError, match=why) as caught:
        read(path)
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 600


def test_what_is_no_file_of_a_word_ends_no_reading_of_the_folder(model, halfway, tmp_path):
    save(tmp_path, halfway)
    os.mkfifo(tmp_path / 'pipe.npz')
    (tmp_path / 'zeros.npz').symlink_to('/dev/zero')
    (tmp_path / 'folder.npz').mkdir()
    np.savez(tmp_path / 'crowd.npz', positions=np.zeros((1, 1, 101, 2)), header='{}')
    found = list(load_all(tmp_path, model))
    assert len(found) == 5
    assert [one.name for one in found if not isinstance(one, str)] == ['halfway']
