"""A second environment with judo in it, made once and kept in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from concept_control.errors import MissingDependencyError

REQUIREMENTS = ('judo-rai==0.1.0', 'mujoco==3.6.0')
"""judo wants a MuJoCo older than this package does, so the two cannot share an environment."""

INSTALL_TIMEOUT = 1200.0
"""Longest time for an installation [s]; some 300 MB are downloaded."""

_LEAKS = ('_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'PYTHONHOME')


def default_folder() -> Path:
    """Return where the environment is kept."""
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(cache) / 'concept_control' / 'judo'


def other_environment() -> dict[str, str]:
    """Return the environment variables for another Python, without those meant for this one."""
    return {name: value for name, value in os.environ.items() if name not in _LEAKS}


def judo_interpreter(
    folder: Path | None = None, requirements: tuple[str, ...] = REQUIREMENTS
) -> Path:
    """Return a Python that can import judo; the first time it is installed.

    Args:
        folder: Folder of the virtual environment; None for `default_folder()`. One that was made
            for other requirements is replaced.
        requirements: Packages to install, as pip reads them.

    Raises:
        MissingDependencyError: If it could not be made; the text says why.
    """
    folder = default_folder() if folder is None else folder
    python = folder / ('Scripts' if os.name == 'nt' else 'bin') / 'python'
    made_for = folder / 'requirements.txt'
    wanted = '\n'.join(requirements) + '\n'
    if made_for.is_file() and made_for.read_text() == wanted and python.is_file():
        return python
    pip = ('-m', 'pip', '--disable-pip-version-check', '--no-input')
    _run(
        f'making a virtual environment in {folder}',
        sys.executable,
        '-m',
        'venv',
        '--clear',
        str(folder),
    )
    _run('installing judo (once)', str(python), *pip, 'install', '--quiet', *requirements)
    _run('importing judo', str(python), '-I', '-c', 'import judo.controller')
    made_for.write_text(wanted)  # last, so that a broken installation is not taken for a whole one
    return python


def _run(what: str, *command: str) -> None:
    print(f'{what} …', file=sys.stderr)
    try:
        subprocess.run(
            command,
            env=other_environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or '').strip().splitlines()
        raise MissingDependencyError(
            f'{what} failed: {said[-1] if said else f"exit code {error.returncode}"}'
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependencyError(f'{what} failed: {error}') from error
