"""The files of a bag in the order they were written, as plain .mcap or .db3 files.

rosbag2 splits long recordings, compresses files that are full (`--compression-mode file`), and
sqlite keeps what came last in a journal beside a file whose recording was killed.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path, PurePath

import zstandard
from lz4.frame import LZ4FrameDecompressor
from mcap.records import Chunk

from concept_control.errors import BagError
from concept_control.input_files import one_line, open_regular, read_yaml

STORAGES = {'.mcap': 'mcap', '.db3': 'sqlite3'}
"""Storage of a file by its suffix."""

COMPRESSED = '.zstd'
"""Suffix that rosbag2 adds to a file it has compressed."""

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
"""First bytes of zstd data (RFC 8878); CDR never begins so."""

MAX_UNPACKED = 64 * 2**30
"""Largest size that a compressed file unpacks to [bytes]."""

SPARE = 2**30
"""Room on the disk that unpacking leaves [bytes]."""

BLOCK = 2**20
"""Size of the pieces that are unpacked at a time [bytes]."""


def storage_of(path: Path) -> str | None:
    """Return 'mcap' or 'sqlite3' for a file that holds messages, compressed or not, else None."""
    return STORAGES.get(Path(path.name.removesuffix(COMPRESSED)).suffix)


def find_files(folder: Path, notes: list[str]) -> list[Path]:
    """Return the files of a bag's folder; what is missing is added to the notes.

    Raises:
        BagError: if there are none.
    """
    found = sorted((p for p in folder.iterdir() if storage_of(p)), key=_by_number)
    if not found:
        raise BagError(
            f'{folder} is no bag: it holds neither .mcap nor .db3 files; give the folder '
            'that `ros2 bag record` or `concept_control demo --record` wrote'
        )
    path = folder / 'metadata.yaml'
    if not path.exists():
        notes.append(
            'metadata.yaml is missing, the recording was not finished; reading the files '
            'themselves'
        )
        return found
    try:
        about = read_yaml(path, BagError)['rosbag2_bagfile_information']
        # Earlier versions wrote the folder in front of the name.
        listed = [folder / PurePath(name).name for name in about['relative_file_paths']]
    except (BagError, KeyError, TypeError) as error:
        notes.append(
            f'metadata.yaml cannot be used ({one_line(error)}); reading the files themselves'
        )
        return found
    notes += [
        f'{p.name} is missing: part of the recording is lost' for p in listed if p not in found
    ]
    # A recording that is being written, or was killed, has files that are not listed yet.
    return [p for p in listed if p in found] or found


def plain_file(path: Path, scratch: Path, notes: list[str]) -> Path:
    """Return a file that can be read as it is: the same one, or one made of it in `scratch`.

    Raises:
        BagError: if it is no regular file, or a compressed one that cannot be unpacked.
    """
    open_regular(path, BagError).close()
    if path.name.endswith(COMPRESSED):
        return _unpacked(path, scratch, notes)
    journal = Path(f'{path}-wal')
    if path.suffix == '.db3' and journal.exists() and journal.stat().st_size:
        return _with_journal(path, journal, scratch, notes)
    return path


def unpacked_message(data: bytes, limit: int) -> bytes:
    """Return a message's CDR bytes, whether it was compressed by itself or not.

    Args:
        data: Bytes as stored.
        limit: Most bytes that a message may unpack to.

    Raises:
        BagError: if it would unpack to more.
        zstandard.ZstdError: if it is damaged.
    """
    if bytes(data[:4]) != ZSTD_MAGIC:
        return data
    if zstandard.frame_content_size(data) > limit:
        raise BagError(f'a message that would unpack to more than {limit} bytes')
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit)


def is_honest(chunk: Chunk, limit: int) -> bool:
    """Tell whether a chunk of an mcap file unpacks to the size it says, and that to no more.

    Args:
        chunk: Chunk as stored.
        limit: Most bytes that it may unpack to.
    """
    size = chunk.uncompressed_size
    if size > limit:
        return False
    if chunk.compression == 'zstd':
        source = zstandard.ZstdDecompressor().stream_reader(chunk.data, read_across_frames=True)
        return _size(iter(lambda: source.read(BLOCK), b''), size) == size
    if chunk.compression == 'lz4':
        unpacker = LZ4FrameDecompressor()
        first = unpacker.decompress(chunk.data, max_length=size + 1)
        return len(first) == size and not unpacker.unused_data
    return True


def _size(blocks: Iterator[bytes], limit: int) -> int:
    """Return the size of all blocks together, counted until it is beyond a limit."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > limit:
            break
    return size


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Sort bag_2 before bag_10."""
    parts = re.split(r'(\d+)', path.name)
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts]


def _unpacked(path: Path, scratch: Path, notes: list[str]) -> Path:
    target = scratch / path.name.removesuffix(COMPRESSED)
    limit = min(MAX_UNPACKED, shutil.disk_usage(scratch).free - SPARE)
    with path.open('rb') as packed, target.open('wb') as file:
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
            while block := reader.read(BLOCK):
                if file.tell() + len(block) > limit:
                    raise BagError(
                        f'{path} unpacks to more than the {limit / 1e9:.1f} GB there is room for '
                        f'in {scratch.parent}; make room there, or give the unpacked file'
                    )
                file.write(block)
        except zstandard.ZstdError as error:
            if not file.tell():
                raise BagError(f'{path} cannot be unpacked: {error}') from error
            notes.append(f'{path.name} could be unpacked in part only: {error}')
    if not target.stat().st_size:
        raise BagError(f'{path} cannot be unpacked: it is empty or was cut off')
    return target


def _with_journal(path: Path, journal: Path, scratch: Path, notes: list[str]) -> Path:
    """Take the journal into a copy: a bag is never written to."""
    target = scratch / path.name
    shutil.copyfile(path, target)
    shutil.copyfile(journal, f'{target}-wal')
    try:
        with contextlib.closing(sqlite3.connect(target)) as database:
            database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
            database.execute('PRAGMA journal_mode=DELETE')
    except sqlite3.Error as error:
        notes.append(f'the journal {journal.name} cannot be used: {error}')
        return path
    notes.append(f'{path.name} was not closed: its last messages come from {journal.name}')
    return target
