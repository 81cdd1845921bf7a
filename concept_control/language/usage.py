"""Usage of words: what is wrong with an expression whatever stands on the table.

Only names and numbers are looked at, so that an expression is refused before anything is started.
What depends on the scene, such as how many things are red, is found by `grounding.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from concept_control.errors import GroundingError
from concept_control.language.expression import (
    All,
    ById,
    Expression,
    Named,
    Selector,
    Term,
    Tool,
    terms,
)
from concept_control.language.library import Range, Usage, unknown_concept
from concept_control.world.colors import NAMED_COLORS


def check_usage(expression: Expression, words: Mapping[str, Usage]) -> None:
    """Refuse an expression that no scene can make sense of.

    Args:
        expression: Expression, as it was parsed.
        words: Words that may be used, by name.

    Raises:
        UnknownConceptError: for a name that is no word.
        GroundingError: for a word that is used as it cannot be.
    """
    for term in terms(expression):
        word = _word(term.name, words)
        if not word.acts:
            raise GroundingError(
                f'{term} cannot be made to hold: {word.name} only says which things are meant; '
                f'write it into a concept that acts, such as {_example(word, words)}'
            )
        check_selectors(term, words)
        for role, selectors, allowed in (
            ('subject', term.subjects, word.subjects),
            ('argument', term.arguments, word.arguments),
        ):
            _check_number(word, role, selectors, allowed)


def check_selectors(term: Term, words: Mapping[str, Usage]) -> None:
    """Refuse selectors of a term, whose own name need not be known: it may be about to be taught.

    Raises:
        UnknownConceptError: for a name that is no word.
        GroundingError: for a selector that cannot select.
    """
    both = [s for s in term.subjects if s in term.arguments]
    if both:
        raise GroundingError(
            f'{term}: {both[0]} is both subject and argument; name different things'
        )
    for selector in (*term.subjects, *term.arguments):
        if isinstance(selector, Named):
            _check_named(selector, term, words)
        elif isinstance(selector, Term):
            _check_nested(selector, words)


def wanted(name: str, role: str, allowed: Range) -> str:
    """Return how many subjects or arguments a word takes, in words."""
    low, high = allowed
    number = 'no' if high == 0 else str(low) if high == low else f'{low} or more'
    if high is not None and low < high:
        number = f'{low} to {high}'
    return f'{name} takes {number} {role}{"" if number == "1" else "s"}'


def _word(name: str, words: Mapping[str, Usage]) -> Usage:
    if name not in words:
        raise unknown_concept(name, words)
    return words[name]


def _example(word: Usage, words: Mapping[str, Usage]) -> str:
    """Return a term that acts with a selector in it, of words that there are."""
    acting = [w for w in words.values() if w.acts and w.subjects[0] == w.arguments[0] == 1]
    return f'{acting[0].name if acting else "near"}(#1; {_selector(word, "#1")})'


def _selector(word: Usage, marker: str) -> str:
    return f'{word.name}({marker})' if word.subjects[0] else word.name


def _check_named(selector: Named, term: Term, words: Mapping[str, Usage]) -> None:
    word = _word(selector.name, words)
    if not word.selects:
        selecting = ', '.join(_selector(w, '#1') for w in words.values() if w.selects)
        raise GroundingError(
            f'{word.name} does not identify things, so it cannot select; these do: {selecting}, '
            'and ids such as #1, tool, all'
        )
    if word.subjects[0]:
        others = [s for s in (*term.subjects, *term.arguments) if s not in (selector, All())]
        of_what = Term(word.name, (others[0] if others else ById(1),))
        subjects, arguments = (
            tuple(of_what if s == selector else s for s in role)
            for role in (term.subjects, term.arguments)
        )
        hint = Term(term.name, subjects, arguments)
        raise GroundingError(f'{word.name} needs to know of what: {hint}')


def _check_nested(selector: Term, words: Mapping[str, Usage]) -> None:
    """Check a term in the place of a selector: what is closest to a marker, or a whole shape."""
    word = _word(selector.name, words)
    check_selectors(selector, words)
    if selector.arguments:
        raise GroundingError(
            f'{selector} as a selector must not have arguments: what it is about is what it '
            'selects'
        )
    if word.selects and word.subjects[1] == 0:
        raise GroundingError(f'{selector}: {word.name} identifies by itself; write {word.name}')
    if not word.selects and word.arguments[0]:
        raise GroundingError(
            f'{selector} names no things: {word.name} can be made to hold, not select; write '
            f'{word.signature}'
        )


def _check_number(
    word: Usage,
    role: str,
    selectors: tuple[Selector, ...],
    allowed: Range,
) -> None:
    """Refuse fewer or more selectors than can be right, whatever each of them names."""
    low, high = allowed
    single = {s for s in selectors if isinstance(s, ById | Tool)}
    colors = {s.name for s in selectors if isinstance(s, Named)} & set(NAMED_COLORS)
    fewest = max(len(single), len(colors), min(1, len(selectors)))
    most = len(single) if len(single) == len(set(selectors)) else None
    if (high is None or fewest <= high) and (most is None or most >= low):
        return
    found = ', '.join(map(str, selectors)) or 'nothing'
    raise GroundingError(
        f'{wanted(word.name, role, allowed)}, but got {found}; write {word.signature}'
    )
