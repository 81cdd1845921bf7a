"""Concepts from `Demonstration` messages, and from markers beside what is watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError, EventError, LibraryError
from concept_control.msg import Demonstration
from concept_control.reports.tables import counted
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.concept_model.concept_store import ConceptStore
from concept_control.ros.nodes.concept_model.parameters import Parameters
from concept_control.teaching.segmenter import Segmenter
from concept_control.teaching.teach import teach
from concept_control.world.demonstrations import MAX_DEMONSTRATIONS, demonstration, join
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

MAX_STATES = 1000
"""States of one demonstration; only the first and the last are used."""

MAX_SETS = 8
"""Concepts whose demonstrations are being collected at the same time."""


@dataclass(frozen=True)
class Marker:
    """A word that a person said, with the scene at that moment.

    Attributes:
        name: Word, as `Segmenter.mark` takes it.
        entities: Entities seen when it came, by id.
    """

    name: str
    entities: Mapping[int, EntityState]


@dataclass(frozen=True)
class TeachingResult:
    """What came of a demonstration or a marker.

    Attributes:
        name: Name of the concept, or what was given for one.
        text: One sentence for a person.
        has_learned: Whether the library has changed.
        is_refused: Whether it was refused; the text says why.
    """

    name: str
    text: str
    has_learned: bool = False
    is_refused: bool = False


class Teacher:
    """Collects demonstrations, learns concepts from them and keeps these in a store."""

    def __init__(
        self, model: ConceptModel, store: ConceptStore, workspace: Workspace, settings: Parameters
    ) -> None:
        """Begin with no demonstrations; `keep_disagreeing` of the settings may change."""
        self._model, self._store = model, store
        self._workspace, self._settings = workspace, settings
        self._sets: dict[str, list[Events]] = {}
        self._segmenter = Segmenter(model, store.library)

    def handle(self, event: Demonstration | Marker) -> TeachingResult | None:
        """Take in a demonstration or a marker; learn where it completes a set.

        Returns:
            What there is to say about it; None for nothing.
        """
        try:
            if isinstance(event, Marker):
                return self._handle_marker(event)
            return self._handle_demonstration(event)
        except ConceptControlError as error:
            return TeachingResult(event.name[:60], str(error), is_refused=True)

    def _handle_marker(self, marker: Marker) -> TeachingResult:
        self._segmenter.library = self._store.library
        blocks = {i: state for i, state in marker.entities.items() if i != TOOL_ID}
        before = self._segmenter.num
        finished = self._segmenter.mark(
            marker.name, Tabletop.from_entities(blocks, self._workspace)
        )
        if finished is not None:
            return self._learn(finished.name, list(finished.demonstrations))
        if self._segmenter.num > before:
            name, number = self._segmenter.name, self._segmenter.num
            return TeachingResult(name, f'{counted(number, "demonstration")} of {name} seen')
        if name := self._segmenter.name:
            return TeachingResult(name, f'{name}: what is seen now is the state before')
        return TeachingResult(marker.name, 'the demonstrations were forgotten')

    def _handle_demonstration(self, message: Demonstration) -> TeachingResult | None:
        self._store.check_name(message.name)
        shown = self._event_of(message)
        if message.name not in self._sets and len(self._sets) >= MAX_SETS:
            raise LibraryError(
                f'demonstrations of {", ".join(self._sets)} wait for their last one; at most '
                f'{MAX_SETS} concepts are taught at the same time'
            )
        collected = self._sets.setdefault(message.name, [])
        if len(collected) >= MAX_DEMONSTRATIONS:
            del self._sets[message.name]
            raise LibraryError(
                f'{MAX_DEMONSTRATIONS} demonstrations of {message.name} and none was the last: '
                'forgotten'
            )
        collected.append(shown)
        if message.last:
            return self._learn(message.name, self._sets.pop(message.name))
        return None

    def _event_of(self, message: Demonstration) -> Events:
        if not 1 <= len(message.states) <= MAX_STATES:
            raise EventError(
                f'a demonstration of {message.name} has {len(message.states)} states; expected '
                f'1 to {MAX_STATES}'
            )
        subjects, arguments = tuple(map(int, message.subjects)), tuple(map(int, message.arguments))
        scenes: list[Tabletop] = []
        for state in (message.states[0], message.states[-1]):
            entities = convert.entity_states(state, self._settings.frame)
            if TOOL_ID not in (*subjects, *arguments):
                entities.pop(TOOL_ID, None)
            scenes.append(Tabletop.from_entities(entities, self._workspace))
        return demonstration(scenes[0], scenes[-1], subjects, arguments)

    def _learn(self, name: str, shown: list[Events]) -> TeachingResult:
        self._store.check_name(name)
        concept, test = teach(self._model, name, join(shown))
        if test.agrees is False and not self._settings.keep_disagreeing:
            raise LibraryError(f'{name} was not learned: {test.text}')
        error = self._store.keep(concept)
        forgotten = f'; it will be forgotten when the node ends: {error}' if error else ''
        ways = [concept.signature] if concept.acts else []
        ways += [f'{name} (to select)'] if concept.selects else []
        understood = (
            f'; understood as: {"; ".join(concept.sentences)}' if concept.sentences else ''
        )
        text = f'learned {" and ".join(ways)}: {test.text}{understood}{forgotten}'
        return TeachingResult(name, text, has_learned=True)
