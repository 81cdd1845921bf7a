"""Files that a user, a message or a folder names: nothing in them is trusted.

Only regular files are opened, so that no pipe or device is waited for; their size, and the size
they unpack to, is known before memory is taken for it; what they hold is finite and of the types
that are asked for. Every reader takes the kind of the error that it raises, whose text is one
line.
"""

from __future__ import annotations

import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Container
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pydantic
import yaml

from concept_control.errors import ConceptControlError

MAX_BYTES = 64 * 2**20
"""Largest file, or size of what it unpacks to, where nothing else is said [bytes]."""

MAX_TEXT = 8 * 2**20
"""Largest text file [bytes]."""

MAX_DEPTH = 64
"""Deepest nesting of lists and mappings in JSON and YAML."""

MAX_VALUES = 1_000_000
"""Most values in JSON and YAML, those that are referred to again counted again."""

MAX_ARRAYS = 1000
"""Most arrays in an NPZ file."""

_NUMBERS_AND_TEXT = 'biufU'
"""Kinds of arrays that are read, after numpy's `dtype.kind`."""

ErrorType = type[ConceptControlError]

T = TypeVar('T')


def open_regular(path: Path, error: ErrorType) -> BinaryIO:
    """Open a regular file for reading, without waiting for anybody.

    Raises:
        ConceptControlError: of the kind `error`, if it is missing, unreadable or another thing.
    """
    try:
        # A pipe that nobody writes to would else be waited for.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), 'rb')
    except FileNotFoundError as cause:
        raise error(f'{path}: there is no such file') from cause
    except IsADirectoryError as cause:
        raise error(f'{path} is a folder; expected a file') from cause
    except (OSError, ValueError) as cause:
        raise error(f'{path} cannot be read: {one_line(cause)}') from cause
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise error(f'{path} is a pipe, a device or the like; expected a regular file')
    return file


def read_bytes(path: Path, error: ErrorType, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole regular file.

    Raises:
        ConceptControlError: of the kind `error`, if it cannot be read, or is too big.
    """
    with open_regular(path, error) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(max_bytes + 1) if size <= max_bytes else b''
    if max(size, len(data)) > max_bytes:
        raise error(f'{path} has {size / 1e6:.1f} MB; at most {max_bytes / 1e6:.1f} MB are read')
    return data


def read_text(path: Path, error: ErrorType, max_bytes: int = MAX_TEXT) -> str:
    """Read a whole text file in UTF-8; raises as `read_bytes`."""
    try:
        return read_bytes(path, error, max_bytes).decode('utf-8-sig')
    except UnicodeDecodeError as cause:
        raise error(f'{path} is no text: {one_line(cause)}') from cause


def parse_json(text: str, where: Path, error: ErrorType) -> Any:
    """Return the plain values that a JSON text holds.

    Args:
        text: Text to parse.
        where: File it stands in, for the error's text.
        error: Kind of the error.

    Raises:
        ConceptControlError: of the kind `error`, if it is no JSON, is too deep, or has numbers
            that are not finite or do not fit 64 bits.
    """
    try:
        return _checked(json.loads(text))
    except (ValueError, RecursionError) as cause:
        raise error(f'{where} cannot be read as JSON: {one_line(cause)}') from cause


def read_json(path: Path, error: ErrorType) -> Any:
    """Read a JSON file; raises as `read_bytes` and `parse_json`."""
    return parse_json(read_text(path, error), path, error)


def read_yaml(path: Path, error: ErrorType) -> Any:
    """Read a YAML file of plain values; raises as `read_bytes` and `parse_json`."""
    text = read_text(path, error)
    try:
        return _checked(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, RecursionError) as cause:
        raise error(f'{path} cannot be read as YAML: {one_line(cause)}') from cause


def read_npz(
    path: Path, error: ErrorType, max_bytes: int = MAX_BYTES, with_nan: Container[str] = ()
) -> dict[str, np.ndarray]:
    """Read all arrays of an NPZ file: numbers that are finite, and text. Nothing is unpickled.

    Args:
        path: NPZ file.
        error: Kind of the error.
        max_bytes: Largest size that it may unpack to.
        with_nan: Names of arrays that may hold NaN, though no infinity.

    Raises:
        ConceptControlError: of the kind `error`, if it is no such file, or unpacks to too much.
    """
    data = read_bytes(path, error, max_bytes)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > max_bytes or len(entries) > MAX_ARRAYS:
                raise error(
                    f'{path} unpacks to {size / 1e6:.0f} MB in {len(entries)} arrays; at most '
                    f'{max_bytes / 1e6:.0f} MB in {MAX_ARRAYS} arrays are read'
                )
            return {
                (name := entry.filename.removesuffix('.npy')): _array(
                    archive.read(entry), name in with_nan
                )
                for entry in entries
            }
    except ConceptControlError:
        raise
    except Exception as cause:  # zipfile and numpy raise a dozen kinds on damaged bytes
        raise error(
            f'{path} is no NPZ file of arrays: {one_line(cause)}; numpy.savez writes one, with '
            'arrays of numbers only'
        ) from cause


def check_fields(kind: type[T], values: Any, where: Path, error: ErrorType) -> T:
    """Return plain values as a dataclass or a pydantic model, whose types and bounds they meet.

    Args:
        kind: Dataclass or model; a field that it does not have is refused where it is a dataclass.
        values: Mapping by the names of the fields.
        where: File they stand in, for the error's text.
        error: Kind of the error.

    Raises:
        ConceptControlError: of the kind `error`, naming what was expected of which field.
    """
    if not isinstance(values, dict):
        raise error(f'{where}: expected a mapping of fields, got {values!r:.60}')
    known = getattr(kind, '__dataclass_fields__', values)
    unknown = [name for name in values if name not in known]
    if unknown:
        raise error(f'{where}: unknown {unknown!r:.100}; there are {", ".join(known)}')
    try:
        return pydantic.TypeAdapter(kind).validate_python(values)
    except pydantic.ValidationError as cause:
        raise error(f'{where}: {_sentences(cause)}') from cause


def one_line(error: BaseException) -> str:
    """Return what an error says in one line of bounded length."""
    text = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    return ' '.join(text.split())[:300]


def _sentences(error: pydantic.ValidationError) -> str:
    found = error.errors(include_url=False)
    texts = [
        f'{".".join(map(str, e["loc"]))}: {e["msg"].replace("tuple", "list")}, '
        f'got {e["input"]!r:.60}'
        for e in found[:3]
    ]
    return '; '.join(texts) + (f'; and {len(found) - 3} more' if len(found) > 3 else '')


def _checked(tree: Any) -> Any:
    """Return plain values of bounded depth, number and size."""
    waiting, count = [(tree, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise ValueError(
                f'it is nested deeper than {MAX_DEPTH} or holds more than {MAX_VALUES} values'
            )
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for inner in (*value.keys(), *value.values())]
        elif isinstance(value, list | tuple | set):
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f'it holds {value}, which is not finite')
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError('it holds a whole number beyond 64 bits')
    return tree


def _array(data: bytes, may_be_nan: bool) -> np.ndarray:
    """Return the array in the bytes of an NPY file, whose header must speak of just these."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f'an array in version {version} of the format')
    one, two = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
    shape, _, dtype = one(file) if version == (1, 0) else two(file)
    if dtype.kind not in _NUMBERS_AND_TEXT:
        raise ValueError(f'an array of {dtype}; expected numbers')
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f'an array of shape {shape} in {len(data) - file.tell()} bytes')
    array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    is_usable = np.isfinite if not may_be_nan else lambda values: ~np.isinf(values)
    if dtype.kind == 'f' and not is_usable(array).all():
        raise ValueError('an array with numbers that are not finite')
    return array
