"""Parameters of concepts that are one or two random tests: of each its kind and four numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUM_RULES = 2
RULE_VALUES = 4


def choose_rule(kind: np.ndarray, choices: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Return the columns of a test: kind (C, 1) and values (C, 4), zero where there is none.

    Args:
        kind: (C,) which test; -1 for none.
        choices: for each kind its four values, (C,) each.
    """
    table = np.array([np.stack(values, axis=1) for values in choices])
    values = table[np.maximum(kind, 0), np.arange(len(kind))]
    return [kind[:, None], values * (kind >= 0)[:, None]]


def read_rule(rows: np.ndarray, slot: int, before: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the kind (B,) and the values (B, 4) of a test of parameters (B, P).

    Args:
        rows: parameters.
        slot: which of the tests.
        before: number of parameters that come before the tests.
    """
    first = before + slot * (1 + RULE_VALUES)
    return rows[:, first].astype(int), rows[:, first + 1 : first + 1 + RULE_VALUES]
