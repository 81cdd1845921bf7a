"""What `--json FILE` writes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.output_files import replacing
from concept_control.reports.provenance import provenance


def write_json(path: Path | None, document: Any) -> None:
    """Write plain values to a file, if one is asked for; its folder is made where it is missing.

    Numbers that are not finite, of which JSON knows none, become null.
    """
    if path is None:
        return
    finite = json.loads(json.dumps(document), parse_constant=lambda _: None)
    with replacing(path) as file:
        file.write((json.dumps(finite, indent=2) + '\n').encode())


def write_report(path: Path | None, **found: Any) -> None:
    """Write what was measured behind its provenance, if a file is asked for."""
    write_json(path, {'provenance': provenance(), **found})


DIGITS = 6
"""Significant digits in the report."""


def rounded(value: Any) -> Any:
    """Return plain data with floats of `DIGITS` significant digits; None for what is no number."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(f'{float(value):.{DIGITS}g}') if math.isfinite(value) else None
    return value
