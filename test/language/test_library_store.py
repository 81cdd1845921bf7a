"""Files of taught concepts: kept to the bit, inferred again for another model, never trusted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_control.language.library_store import load, load_all, save
from concept_control.world.demonstrations import read_npz


def test_a_saved_halfway_is_the_same_after_a_restart(model, halfway, tmp_path):
    path = save(tmp_path, halfway)
    again = load(path, model)
    assert torch.equal(again.code.stacked(), halfway.code.stacked())
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
