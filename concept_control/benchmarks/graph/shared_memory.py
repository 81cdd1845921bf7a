"""What the middleware's processes have in shared memory, and what they leave there.

FastDDS keeps a segment for each participant; one that is not destroyed leaves its segment behind.
"""

from __future__ import annotations

from pathlib import Path

SHARED_MEMORY = Path('/dev/shm')


def segments_of(pid: int | str) -> set[Path]:
    """Return the segments of shared memory that a process has open; none where it is gone."""
    try:
        lines = Path(f'/proc/{pid}/maps').read_text().splitlines()
    except OSError:
        return set()
    # Segments, as newer and older versions of FastDDS name them. A domain's ports are files too,
    # which the next process in the domain uses again.
    marks = [f'{SHARED_MEMORY}/{name}_' for name in ('fastdds', 'fastrtps')]
    return {
        Path(line.split()[5])
        for line in lines
        if any(mark in line for mark in marks) and '_port' not in line
    }


def left_behind(files: set[Path]) -> set[Path]:
    """Return those of these files that are still there though no process has them open."""
    used: set[Path] = set()
    for process in Path('/proc').iterdir():
        if process.name.isdigit():
            used |= segments_of(process.name)
    return {path for path in files - used if path.exists()}
