import json
import os
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.errors import StrokeError
from concept_control.input_files import (
    MAX_DEPTH,
    check_fields,
    read_bytes,
    read_json,
    read_npz,
    read_text,
    read_yaml,
)
from concept_control.policy.network import PolicyConfig

LAUGHS = 'a0: &a0 [1]\n' + ''.join(f'a{i}: &a{i} [{f"*a{i - 1}," * 9}]\n' for i in range(1, 12))
"""A small YAML text that speaks of 9 to the power of 11 values."""


def deep(opening, closing, depth):
    return opening * depth + closing * depth


def zipped(path, members):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(header, data=b''):
    text = header.encode().ljust(117) + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text + data


def refusal(read, path):
    """Return the one line with which a reader refuses a file."""
    with pytest.raises(StrokeError) as caught:
        read(path, StrokeError)
    text = str(caught.value)
    assert str(path) in text and '\n' not in text and len(text) < 600
    return text


@pytest.mark.parametrize('read', [read_bytes, read_text, read_json, read_yaml, read_npz])
def test_only_regular_files_are_opened_and_nobody_is_waited_for(read, tmp_path):
    pipe, link = tmp_path / 'pipe', tmp_path / 'link'
    os.mkfifo(pipe)
    link.symlink_to('/dev/zero')
    assert 'regular file' in refusal(read, pipe)
    assert 'regular file' in refusal(read, link)
    assert 'folder' in refusal(read, tmp_path)
    assert 'no such file' in refusal(read, tmp_path / 'missing')
    huge = tmp_path / 'huge'
    with huge.open('wb') as file:
        file.truncate(2**40)
    assert 'at most' in refusal(read, huge)


@pytest.mark.parametrize(
    ('read', 'text', 'why'),
    [
        (read_text, b'\xff\xfe\x00', 'no text'),
        (read_json, b'{"a": Infinity}', 'finite'),
        (read_json, b'{"a": 1e999}', 'finite'),
        (read_json, b'[' + b'9' * 400 + b']', '64 bits'),
        (read_json, b'[' + b'9' * 9000 + b']', 'as JSON'),
        (read_json, deep(b'[', b']', MAX_DEPTH + 2), 'nested'),
        (read_json, deep(b'{"a":', b'}', 100_000), 'as JSON'),
        (read_json, b'{"a": ', 'as JSON'),
        (read_yaml, deep(b'[', b']', MAX_DEPTH + 2), 'nested'),
        (read_yaml, deep(b'[', b']', 20_000), 'as YAML'),
        (read_yaml, b'a: &a [*a]', 'nested'),
        (read_yaml, b'a: .inf', 'finite'),
        (read_yaml, b'a: 2026-13-45', 'as YAML'),
        (read_yaml, b'? [a]\n: b\n? {}\n: c', 'as YAML'),
        (read_yaml, b'!!python/object/apply:os.system [ls]', 'as YAML'),
        (read_yaml, LAUGHS.encode(), 'more than'),
    ],
)  # fmt: skip
def test_damaged_and_malicious_texts_are_refused(read, text, why, tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(text)
    assert why in refusal(read, path)


@pytest.mark.parametrize(
    ('members', 'why'),
    [
        ({'a.npy': b''}, 'no NPZ'),
        ({'a.npy': bytes(200_000_000)}, 'at most'),
        ({f'{i}.npy': b'' for i in range(1001)}, 'at most'),
        ({'a.npy': npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,)}")},
         'shape'),
        ({'a.npy': npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b'K.')},
         'expected numbers'),
        ({'a.npy': npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
                       struct.pack('<d', float('nan')))}, 'finite'),
    ],
)  # fmt: skip
def test_bombs_and_lies_in_npz_files_are_refused_before_memory_is_taken(members, why, tmp_path):
    path = tmp_path / 'file.npz'
    zipped(path, members)
    assert why in refusal(read_npz, path)


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1), junk=st.binary(max_size=4), cut=st.integers(0, 8))
def test_whatever_was_done_to_a_file_its_reader_gives_arrays_or_one_line(
    share, junk, cut, tmp_path_factory
):
    path = tmp_path_factory.mktemp('npz') / 'file.npz'
    np.savez_compressed(path, a=np.arange(6.0).reshape(2, 3), name=np.array('x'))
    good = path.read_bytes()
    at = int(share * len(good))
    path.write_bytes(good[:at] + junk + good[at + cut :])
    try:
        arrays = read_npz(path, StrokeError)
    except StrokeError as error:
        assert '\n' not in str(error)
    else:
        assert all(array.dtype.kind in 'biufU' for array in arrays.values())


def test_what_is_right_is_read_as_it_is(tmp_path):
    values = {'a': [1, -2.5, None, True, 'ü', {}], 'b': 2**63 - 1}
    path = tmp_path / 'file'
    path.write_text(json.dumps(values))
    assert read_json(path, StrokeError) == read_yaml(path, StrokeError) == values
    arrays = {'a': np.eye(2), 'b': np.array('{}'), 'c': np.zeros((0, 2), bool), 'd': np.float32(1)}
    np.savez_compressed(tmp_path / 'file.npz', **arrays)
    for name, array in read_npz(tmp_path / 'file.npz', StrokeError).items():
        np.testing.assert_array_equal(array, arrays[name], strict=True)


def test_fields_are_named_with_what_was_expected_of_them(tmp_path):
    assert check_fields(PolicyConfig, {'hidden': 32}, tmp_path, StrokeError).hidden == 32
    for values, why in (
        ({'hidden': 'wide'}, 'hidden: .*integer.*wide'),
        ({'hidden': [1] * 9999}, r'hidden: .*integer'),
        ({'depth': 1}, r"unknown \['depth'\]; there are state_size"),
        (['hidden'], 'expected a mapping'),
        (None, 'expected a mapping'),
        (3, 'expected a mapping'),
    ):
        with pytest.raises(StrokeError, match=why) as caught:
            check_fields(PolicyConfig, values, tmp_path, StrokeError)
        assert '\n' not in str(caught.value) and len(str(caught.value)) < 600
