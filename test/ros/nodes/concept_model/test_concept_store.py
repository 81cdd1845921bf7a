"""The library of a running node and its folder."""

import os

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.ros.nodes.concept_model import concept_store
from concept_control.ros.nodes.concept_model.concept_store import ConceptStore


def test_whatever_lies_in_the_folder_is_refused_in_a_line_and_once(tmp_path, monkeypatch):
    pipe, noise, odd = (tmp_path / f'{name}.npz' for name in ('pipe', 'noise', 'odd'))
    os.mkfifo(pipe)
    noise.write_bytes(b'PK no zip')
    odd.touch()
    load = concept_store.load

    def fail(path, model):
        if path == odd:
            raise RuntimeError('two\nlines')
        return load(path, model)

    monkeypatch.setattr(concept_store, 'load', fail)
    store = ConceptStore(tmp_path, None)
    has_changed, errors = store.read_folder()
    assert not has_changed and len(errors) == 3
    for error, words in zip(errors, ('no NPZ', 'cannot be taken in: two lines', 'regular file')):
        assert words in error and '\n' not in error
    assert store.read_folder() == (False, [])
