"""The words that may be said: what each means, in a sentence and in numbers, and its use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from concept_control.concepts.vocabulary import NamedConcept, vocabulary
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
from concept_control.language.library import (
    SHIPPED,
    LibraryConcept,
    Range,
    WordEntry,
    unknown_concept,
)
from concept_control.reports.tables import text_table
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.workspace import Workspace

W = TypeVar('W', bound=WordEntry)


def check_usage(expression: Expression, words: Mapping[str, WordEntry]) -> None:
    """Refuse an expression that no scene can make sense of.

    Args:
        expression: Expression, as it was parsed.
        words: Words that may be used, by name.

    Raises:
        UnknownConceptError: for a name that is no word.
        GroundingError: for a word that is used as it cannot be.
    """
    for term in terms(expression):
        word = find_word(words, term.name)
        if not word.acts:
            raise GroundingError(
                f'{term} cannot be made to hold: {word.name} only says which things are meant; '
                f'write it into a concept that acts, such as {_example(word, words)}'
            )
        check_selectors(term, words)
        for role in ('subject', 'argument'):
            _check_number(word, role, getattr(term, f'{role}s'))


def check_selectors(term: Term, words: Mapping[str, WordEntry]) -> None:
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


def _example(word: WordEntry, words: Mapping[str, WordEntry]) -> str:
    """Return a term that acts with a selector in it, of words that there are."""
    acting = [w for w in words.values() if w.acts and w.subjects[0] == w.arguments[0] == 1]
    return f'{acting[0].name if acting else "near"}(#1; {_selector(word, "#1")})'


def _selector(word: WordEntry, marker: str) -> str:
    return f'{word.name}({marker})' if word.subjects[0] else word.name


def _check_named(selector: Named, term: Term, words: Mapping[str, WordEntry]) -> None:
    word = find_word(words, selector.name)
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


def _check_nested(selector: Term, words: Mapping[str, WordEntry]) -> None:
    """Check a term in the place of a selector: what is closest to a marker, or a whole shape."""
    word = find_word(words, selector.name)
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


def _check_number(word: WordEntry, role: str, selectors: tuple[Selector, ...]) -> None:
    """Refuse fewer or more selectors than can be right, whatever each of them names."""
    low, high = allowed = getattr(word, f'{role}s')
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


@dataclass(frozen=True, kw_only=True)
class Word(WordEntry):
    """A word of the command language, for people.

    Attributes:
        meaning: What the predicate asks for, in numbers; '' where no predicate judges it.
    """

    meaning: str = ''

    @property
    def usage(self) -> str:
        """How it is written: `between(subject; argument, argument)`, or a selector's name."""
        selector = f'{self.name}(marker)' if self.subjects[0] and not self.acts else self.name
        ways = [self.signature] if self.acts else []
        return ' or '.join([*ways, selector] if self.selects else ways)

    @property
    def example(self) -> str:
        """An expression with it, on a table of colourful blocks."""
        if not self.acts:
            subject = 'blue' if self.name == 'red' else 'red'
            return f'near({subject}; {self.name}{"(blue)" if self.subjects[0] else ""})'
        colors, num = list(NAMED_COLORS), max(1, self.subjects[0])
        arguments = ', '.join(colors[num : num + self.arguments[0]])
        return f'{self.name}({", ".join(colors[:num])}{"; " if arguments else ""}{arguments})'

    def describe(self) -> str:
        """Return everything about it, a line each."""
        lines = {
            'means': [self.meaning or 'what it was taught by; no predicate judges it'],
            'understood as': self.sentences,
            'say': [self.usage],
            'for example': [self.example],
            'source': [self.source],
            'self-test': [self.self_test] if self.self_test else [],
        }
        rows = [
            f'  {title + ":":15}{text}'
            for title, texts in lines.items()
            for title, text in zip([title, *[' '] * len(texts)], texts)
        ]
        return '\n'.join([f'{self.name}: {self.description}', *rows])


def shipped_word(word: NamedConcept, workspace: Workspace) -> Word:
    """Describe a word of the vocabulary with the numbers of its predicate.

    Args:
        word: Word of the vocabulary.
        workspace: Workspace of the table, which the lengths are on.
    """
    return Word(
        name=word.name,
        description=word.description,
        meaning=word.meaning(
            lambda length: f'{1000 * float(workspace.length_to_world(length)):.0f} mm'
        ),
        acts=word.acts,
        selects=word.selects,
        subjects=word.subjects,
        arguments=word.arguments,
    )


def taught_word(concept: LibraryConcept) -> Word:
    """Describe a taught word with what is kept beside its code."""
    return Word(**concept.entry_fields())


def word_of(concept: LibraryConcept, workspace: Workspace) -> Word:
    """Describe a word of a library, shipped or taught."""
    if concept.source == SHIPPED:
        return shipped_word(vocabulary()[concept.name], workspace)
    return taught_word(concept)


def find_word(words: Mapping[str, W], name: str) -> W:
    """Return the word of a name.

    Raises:
        UnknownConceptError: naming those that are alike, and all.
    """
    if name in words:
        return words[name]
    raise unknown_concept(name, words)


def word_table(words: Iterable[Word]) -> str:
    """Return the table of words: name, source where it is taught, usage and meaning."""
    rows = [
        (
            word.usage,
            word.meaning or f'{word.source}: {"; ".join(word.sentences) or word.description}',
        )
        for word in words
    ]
    return text_table(('say', 'means'), rows, align='left')
