"""Segmentation of a watched scene into demonstrations, by marker words that a person gives.

The words, one message each on the topic `demonstration_marker`:

    begin NAME                          the scene now is how it was before
    begin NAME(subjects; arguments)     the same, with its roles, as in a command
    end                                 the scene now is how it is after: one demonstration
    learn                               infer the concept from its demonstrations
    discard                             forget the demonstrations that were not learned from

Without roles, what moved are the subjects and everything else are the arguments; of things that
came to rest on others, see `shown_roles`. Where nothing moves, the entities in parentheses are
what is pointed at.
"""

from __future__ import annotations

from dataclasses import dataclass

from concept_control.energy.model import ConceptModel
from concept_control.errors import ExpressionError, LibraryError
from concept_control.language.expression import Term, parse
from concept_control.language.grounding import roles_of
from concept_control.language.library import ConceptLibrary, check_name
from concept_control.reports.tables import counted
from concept_control.world.demonstrations import MAX_DEMONSTRATIONS, demonstration, shown_roles
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop, moved_ids


@dataclass(frozen=True)
class Finished:
    """A set of demonstrations to learn from.

    Attributes:
        name: Name of the concept.
        demonstrations: One event each.
    """

    name: str
    demonstrations: tuple[Events, ...]


class Segmenter:
    """Takes marker words with the scene at that moment; gives sets of demonstrations.

    Attributes:
        name: Name of the concept being shown, '' for none.
        num: Number of its demonstrations so far.
    """

    def __init__(self, model: ConceptModel, library: ConceptLibrary) -> None:
        """Start with nothing shown.

        Args:
            model: Model that grounds the roles.
            library: Concepts that the roles may name.
        """
        self._model, self.library = model, library
        self.name = ''
        self._term: Term | None = None
        self._before: Tabletop | None = None
        self._shown: list[Events] = []

    @property
    def num(self) -> int:
        """Number of demonstrations of the present concept so far."""
        return len(self._shown)

    def mark(self, text: str, scene: Tabletop) -> Finished | None:
        """Take in a marker.

        Args:
            text: Marker, one of the words above.
            scene: Scene as it is now.

        Returns:
            The demonstrations to learn from, at "learn".

        Raises:
            LibraryError: for an unknown word, or one out of order; nothing has changed then.
            ConceptControlError: if the roles cannot be grounded.
        """
        word, _, rest = text.strip().partition(' ')
        match word.lower():
            case 'begin':
                self._begin(rest.strip(), scene)
            case 'end':
                self._end(scene)
            case 'learn':
                return self._learn()
            case 'discard':
                self.name, self._before, self._shown = '', None, []
            case _:
                raise LibraryError(
                    f'{text[:60]!r} is no marker; expected "begin NAME", "begin NAME(subjects; '
                    'arguments)", "end", "learn" or "discard"'
                )
        return None

    def _begin(self, text: str, scene: Tabletop) -> None:
        term = None
        name = text.lower()
        if '(' not in text:
            check_name(name, replace=True)
        else:
            try:
                parsed = parse(text)
            except ExpressionError as error:
                raise LibraryError(f'"begin {text[:60]}": {error}') from error
            if not isinstance(parsed, Term):
                raise LibraryError(f'"begin {text[:60]}" must name one concept')
            term, name = parsed, parsed.name
        if self.name and name != self.name and self._shown:
            raise LibraryError(
                f'{counted(self.num, "demonstration")} of {self.name} not learned from yet; say '
                '"learn" or "discard" first'
            )
        if len(self._shown) >= MAX_DEMONSTRATIONS:
            raise LibraryError(f'{len(self._shown)} demonstrations of {self.name} are enough')
        self.name, self._term, self._before = name, term, scene

    def _end(self, scene: Tabletop) -> None:
        if self._before is None:
            raise LibraryError('"end" without a "begin NAME" before it')
        before, self._before = self._before, None
        moved = moved_ids(before, scene)
        if self._term is None:
            subjects, arguments = shown_roles(scene.only(before.ids), moved)
        else:
            subjects, arguments = roles_of(self._term, before, self._model, self.library)
            if not arguments and not moved:
                subjects, arguments = (), subjects
            elif not arguments:
                # A shape: its members are what moves and what it is about.
                arguments = subjects
        self._shown.append(demonstration(before, scene, subjects, arguments))

    def _learn(self) -> Finished:
        if not self._shown:
            raise LibraryError(
                '"learn" without a demonstration; say "begin NAME" before and "end" after showing'
            )
        finished = Finished(self.name, tuple(self._shown))
        self.name, self._before, self._shown = '', None, []
        return finished
