"""The words that may be said: what each means, in a sentence and in numbers, and its use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from concept_control.concepts.family import Length
from concept_control.concepts.vocabulary import NamedConcept, vocabulary
from concept_control.language.library import SHIPPED, LibraryConcept, Usage, unknown_concept
from concept_control.reports.tables import text_table
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Word(Usage):
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
        meaning=word.meaning(length_on(workspace)),
        acts=word.acts,
        selects=word.selects,
        subjects=(word.min_subjects, word.max_subjects),
        arguments=(word.min_arguments, word.max_arguments),
    )


def taught_word(concept: LibraryConcept) -> Word:
    """Describe a taught word with what is kept beside its code."""
    return Word(**concept.usage_fields())


def word_of(concept: LibraryConcept, workspace: Workspace) -> Word:
    """Describe a word of a library, shipped or taught."""
    if concept.source == SHIPPED:
        return shipped_word(vocabulary()[concept.name], workspace)
    return taught_word(concept)


def length_on(workspace: Workspace) -> Length:
    """Return the writer of lengths on a table: workspace units to "48 mm"."""
    return lambda length: f'{1000 * float(workspace.length_to_world(length)):.0f} mm'


def find_word(words: Mapping[str, Word], name: str) -> Word:
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
