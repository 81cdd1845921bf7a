"""Where configuration and message definitions are installed, and taught concepts are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from concept_control.errors import MissingDependencyError

LIBRARY_ENVIRONMENT = 'CONCEPT_CONTROL_LIBRARY'
"""Environment variable with the folder of taught concepts."""


def library_folder() -> Path:
    """Return the folder of taught concepts that is used where no other is given."""
    if os.environ.get(LIBRARY_ENVIRONMENT):
        return Path(os.environ[LIBRARY_ENVIRONMENT])
    data = os.environ.get('XDG_DATA_HOME') or os.path.expanduser('~/.local/share')
    return Path(data) / 'concept_control' / 'concepts'


def share_folder() -> Path:
    """Return the folder with config/ and launch/: the install's share, or a checkout's root.

    Raises:
        MissingDependencyError: if neither is there.
    """
    import concept_control  # noqa: PLC0415  (its __path__ tells where we live)

    checkout = Path(concept_control.__file__).resolve().parent.parent
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    candidates = [
        checkout,
        *(Path(p) / 'share' / 'concept_control' for p in [*prefixes, sys.prefix] if p),
    ]
    for folder in candidates:
        if (folder / 'config' / 'demo.yaml').is_file():
            return folder
    raise MissingDependencyError(
        'the configuration files of concept_control are not installed; looked in '
        + ', '.join(map(str, candidates))
    )
