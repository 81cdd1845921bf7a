"""Demonstrations from scenes and from NPZ files, which nobody may trust."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.concepts.vocabulary import vocabulary
from concept_control.errors import ConceptControlError
from concept_control.world.demonstrations import FIELDS, demonstration, read_npz, shown_roles
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
        events = read_npz(path, [])
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
        'nan': 'contain NaN',
        'shape': 'colors have shape',
        'nowhere': 'there is no such file',
    }.items():
        with pytest.raises(ConceptControlError, match=complaint):
            read_npz(tmp_path / f'{name}.npz', [])


def test_masks_and_padding_may_be_left_out_and_what_looks_wrong_is_said(tmp_path):
    rng = np.random.default_rng(0)
    positions = rng.uniform(-0.8, 0.8, (5, 2, 3, 2))
    positions[:, 1, 1:] = positions[:, 0, 1:]
    positions[:, 0, 0], positions[:, 1, 0] = -0.8, abs(positions[:, 1, 0])
    padded = np.concatenate([positions, positions[:, :, 2:] + 0.1], axis=2)
    padded[2:, :, 3] = np.nan
    first, others = np.tile([1, 0, 0], (5, 1)), np.tile([0, 1, 1], (5, 1))

    def read(positions, **masks):
        colors, notes = np.full((*positions[:, 0, :, 0].shape, 3), 0.5), []
        np.savez(tmp_path / 'shown.npz', positions=positions, colors=colors, **masks)
        return read_npz(tmp_path / 'shown.npz', notes), ' '.join(notes)

    shown, notes = read(positions, subjects=first, attention=others)
    assert notes == ''
    for masks, assumed in (
        ({}, ('no subjects', 'no attention')),
        ({'attention': others}, ('no subjects',)),
        ({'subjects': first}, ('no attention',)),
    ):
        again, notes = read(positions, **masks)
        assert torch.equal(again.subjects, shown.subjects) and again.has_attention
        assert torch.equal(again.attention, shown.attention)
        assert notes.count('given') == len(assumed) and all(text in notes for text in assumed)
    events, notes = read(padded)
    assert events.present.sum() == 17 and '3 entities without a position' in notes
    assert events.attention.sum(dim=1).tolist() == [3.0, 3.0, 2.0, 2.0, 2.0]
    assert '3 entities stand at exactly (0, 0)' in read(np.nan_to_num(padded))[1]
    assert 'in metres?' in read(0.24 * positions + np.array([0.0, 0.5]))[1]
    assert 'more than the subjects moved' in read(positions, subjects=others, attention=first)[1]
    everything, _ = read(positions + np.array([[[0.0]], [[0.1]]]))
    assert torch.equal(everything.attention, everything.subjects.float())
    with pytest.raises(ConceptControlError, match='demonstration 1: nothing moved'):
        read(np.repeat(positions[:, :1], 2, axis=1))
    positions[1, 1, 2, 0] = np.nan
    with pytest.raises(ConceptControlError, match='contain NaN'):
        read(positions)


@pytest.mark.parametrize(
    ('bottoms', 'moved', 'roles'),
    [
        ([0, 0, 0, 0], (1, 2), ((1, 2), (3, 4))),
        ([0.16, 0, 0, 0], (1,), ((1,), (2,))),
        ([0.32, 0, 0.16, 0], (1, 3), ((1, 2, 3), (1, 2, 3))),
        ([0.16, 0, 0, 0], (1, 4), ((1, 2, 4), (1, 2, 4))),
    ],
)
def test_things_on_one_another_tell_who_is_meant(bottoms, moved, roles):
    after = table([0.5, 0.0], [0.5, 0.02], [0.5, 0.0] if bottoms[2] else [-0.5, 0], [0, 0.6])
    after = replace(after, bottoms=np.array(bottoms, float))
    assert shown_roles(after, moved) == roles


def test_what_was_not_seen_cannot_be_demonstrated():
    with pytest.raises(ConceptControlError, match=r'\[3\] were not seen'):
        demonstration(table([0, 0], [1, 0], [0, 1]), table([0, 0], [1, 0]), [3], [1])
    with pytest.raises(ConceptControlError, match='nothing moved and nothing is said'):
        demonstration(table([0, 0], [1, 0]), table([0, 0], [1, 0]), [], [])


def test_what_came_into_an_open_box_is_about_the_box():
    after = table([0.5, 0.0], [0.5, 0.1], [-0.5, 0.0])
    box = replace(after, sizes=np.array([0.16, 0.5, 0.16]), rims=np.array([0.0, 0.02, 0.0]))
    assert shown_roles(box, (1,)) == ((1,), (2,))
    assert shown_roles(after, (1,)) == ((1,), (2, 3))
