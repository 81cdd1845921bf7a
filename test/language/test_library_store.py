"""Files of taught concepts: kept to the bit, inferred again for another model, never trusted."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from concept_control.energy.code import ConceptCode
from concept_control.errors import LibraryError
from concept_control.language.library_store import load, load_all, read, save
from concept_control.world.demonstrations import read_npz


def test_a_saved_halfway_is_the_same_after_a_restart(model, halfway, tmp_path):
    path = save(tmp_path, halfway)
    again = load(path, model)
    assert np.array_equal(again.code.to_array(), halfway.code.to_array())
    for name in ('name', 'signature', 'energy', 'self_test', 'demonstrations_hash', 'model'):
        assert getattr(again, name) == getattr(halfway, name)
    assert [c.name for c in load_all(tmp_path, model)] == ['halfway']
    assert read_npz(path).num_events == 5  # it is a file of demonstrations too


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
