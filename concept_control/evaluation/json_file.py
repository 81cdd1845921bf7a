"""What `--json FILE` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, document: Any) -> None:
    """Write plain values to a file, whose folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + '\n')


def without_nan(document: Any) -> Any:
    """Return plain values with None for every number that is not finite, as JSON knows none."""
    return json.loads(json.dumps(document), parse_constant=lambda _: None)
