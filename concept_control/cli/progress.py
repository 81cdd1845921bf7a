"""Progress of a command, on the terminal only."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def progress_bar(total: int, description: str, unit: str = 'it') -> tqdm[Any]:
    """Return a bar on the standard error, which is not drawn where that is no terminal."""
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        leave=False,
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
    )
