"""Where a number comes from: date, commit, kind of machine, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

VERSIONED = ('concept_control', 'mujoco', 'numpy', 'torch')


def provenance() -> dict[str, object]:
    """Describe this machine and this code, without naming the machine."""
    versions = {}
    for name in VERSIONED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = 'not installed'
    return {
        'date': datetime.now(UTC).date().isoformat(),
        'commit': commit(),
        'machine': f'{len(os.sched_getaffinity(0))} CPU cores, {platform.machine()}',
        'python': platform.python_version(),
        'versions': versions,
    }


def commit() -> str:
    """Return the short hash of the checkout in the working directory, "+" if it is changed."""
    try:
        found = subprocess.run(
            ['git', 'describe', '--always', '--dirty=+', '--exclude=*'],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path.cwd(),
        )
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return found.stdout.strip()


def sentence() -> str:
    """Return the provenance as one line for people."""
    facts = provenance()
    return f'{facts["date"]}, commit {facts["commit"]}, {facts["machine"]}, no GPU used'
