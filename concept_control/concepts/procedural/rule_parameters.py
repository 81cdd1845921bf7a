"""Parameters of concepts made of one or two random rules: kind and four values of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUM_RULES = 2
"""Largest number of rules of a concept."""

RULE_VALUES = 4
"""Number of values of a rule."""


def choose_rule(kind: np.ndarray, choices: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Return the columns of a rule: kind (C, 1) and values (C, 4), zero for no rule.

    Args:
        kind: (C,) kind of the rule, -1 for none.
        choices: Four values (C,) of each kind.
    """
    table = np.array([np.stack(values, axis=1) for values in choices])
    values = table[np.maximum(kind, 0), np.arange(len(kind))]
    return [kind[:, None], values * (kind >= 0)[:, None]]


def read_rule(rows: np.ndarray, slot: int, before: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the kind (B,) and the values (B, 4) of one rule.

    Args:
        rows: (B, P) parameters.
        slot: Number of the rule, 0 or 1.
        before: Number of parameters before the rules.
    """
    first = before + slot * (1 + RULE_VALUES)
    return rows[:, first].astype(int), rows[:, first + 1 : first + 1 + RULE_VALUES]
