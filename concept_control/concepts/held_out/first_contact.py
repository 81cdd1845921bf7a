"""The words of the first contact: words that nobody planned for, as parents might teach them.

Written in one sitting and before any model had seen them, so that their first figures tell what to
expect of a word that nobody planned for. None of them is trained on, nor counted among the other
held-out families: their figures are taken apart from all others.

A word is a function that judges scenes: its name is the word, its docstring what the word means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from concept_control.concepts.family import Family

Judge = TypeVar('Judge', bound=Callable[..., Any])

HARD: list[str] = []
"""Names of the words that were meant to be hard: conjunctions, exceptions, unusual frames, and
comparisons with all others."""


def word(
    words: list[Family], kind: Callable[..., Family], is_hard: bool = False, **settings: Any
) -> Callable[[Judge], Judge]:
    """Return a decorator that adds the family which a function judges to a list.

    Args:
        words: List of words.
        kind: Family that is given the function as `judge`.
        is_hard: Whether the word was meant to be hard.
        settings: Further attributes of the family.
    """

    def add(judge: Judge) -> Judge:
        meaning = ' '.join((judge.__doc__ or '').split())
        description = meaning[0].lower() + meaning[1:].removesuffix('.')
        words.append(kind(judge.__name__, description, (), judge=judge, **settings))
        if is_hard:
            HARD.append(judge.__name__)
        return judge

    return add
