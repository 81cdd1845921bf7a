"""Demonstrations from scenes and from NPZ files, which nobody may trust."""

import io
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.concepts.vocabulary import vocabulary
from concept_control.errors import ConceptControlError
from concept_control.world.demonstrations import FIELDS, demonstration, read_npz
from concept_control.world.tabletop import Tabletop


def write_npz(path, events, **changes):
    arrays = {name: getattr(events, name).numpy() for name in FIELDS} | changes
    np.savez(path, **arrays)
    return path


def table(*places):
    count = len(places)
    ids = tuple(range(1, count + 1))
    return Tabletop(ids, np.array(places, float), np.full((count, 3), 0.5), np.full(count, 0.16))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_npz_files_are_refused_and_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp('npz') / 'shown.npz'
    write_npz(path, vocabulary()['near'].demonstrations(0, 2))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(content) - 1))
        content[index] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        events = read_npz(path)
    except ConceptControlError:
        return
    assert torch.isfinite(events.positions).all()


def test_files_of_the_wrong_kind_are_refused_in_words(tmp_path):
    shown = vocabulary()['near'].demonstrations(0, 2)
    bomb = tmp_path / 'bomb.npz'
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('positions.npy', bytes(100_000_000))
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / 'pickled.npz', 'w') as archive:
        archive.writestr('positions.npy', pickled.getvalue())
        archive.writestr('colors.npy', pickled.getvalue())
    np.savez(tmp_path / 'empty.npz')
    write_npz(tmp_path / 'nan.npz', shown, positions=np.full((2, 2, 8, 2), np.nan))
    write_npz(tmp_path / 'shape.npz', shown, colors=np.zeros((2, 3, 3)))
    for name, complaint in {
        'bomb': 'unpacks to 100 MB',
        'pickled': 'no NPZ file of arrays',
        'empty': 'lacks positions, colors',
        'nan': 'not finite',
        'shape': 'colors have shape',
        'nowhere': 'there is no such file',
    }.items():
        with pytest.raises(ConceptControlError, match=complaint):
            read_npz(tmp_path / f'{name}.npz')


def test_what_was_not_seen_cannot_be_demonstrated():
    with pytest.raises(ConceptControlError, match=r'\[3\] were not seen'):
        demonstration(table([0, 0], [1, 0], [0, 1]), table([0, 0], [1, 0]), [3], [1])
    with pytest.raises(ConceptControlError, match='nothing moved and nothing is said'):
        demonstration(table([0, 0], [1, 0]), table([0, 0], [1, 0]), [], [])
