import errno
import os
from pathlib import Path

import pytest

from concept_control.output_files import replacing


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'file.txt'
    with replacing(path) as file:
        file.write(b'first')
    link = tmp_path / 'link'
    link.symlink_to(path)
    with replacing(link) as file:
        file.write(b'second')
        assert path.read_bytes() == b'first'
    assert link.is_symlink() and path.read_bytes() == b'second'

    def full(handle):
        raise OSError(errno.ENOSPC, 'no space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match=r'no space.*new/file.txt'), replacing(path) as file:
        file.write(b'third')
    assert [*path.parent.iterdir()] == [path] and path.read_bytes() == b'second'
    with replacing(Path(os.devnull)) as file:
        file.write(b'anything')
