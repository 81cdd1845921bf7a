"""Demonstrations of one concept out of recorded bags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from concept_control.bags.demonstrated_events import BagEvent, bag_events
from concept_control.bags.reader import Bag
from concept_control.bags.setup import RecordedSetup
from concept_control.language.expression import concept_names, parse
from concept_control.replay.concepts import ReplayLibrary
from concept_control.teaching.segmenter import Segmenter
from concept_control.world.demonstrations import demonstration, shown_roles
from concept_control.world.events import Events


@dataclass(frozen=True)
class RecordedDemonstrations:
    """Finds the demonstrations of one concept in bags.

    Attributes:
        name: Name of the concept.
        roles: Subjects and arguments, such as "(red; blue, green)"; None takes those of the
            recording, else what moved and all the rest.
        words: Library of the concepts that the roles may use, with their model.
        namespace: Namespace of the robot, where a bag holds several.
    """

    name: str
    roles: str | None
    words: ReplayLibrary
    namespace: str | None

    def events(
        self, bag: Bag, setup: RecordedSetup, progress: Callable[[], object]
    ) -> list[BagEvent]:
        """Return the events of a bag that have the concept's name; all where none has.

        Raises:
            ConceptControlError: If the bag holds no event.
        """
        events = bag_events(bag, setup, self.namespace, progress)
        named = [e for e in events if e.label.partition('(')[0].strip().lower() == self.name]
        return named or events

    def demonstrations(self, event: BagEvent) -> list[Events]:
        """Return the demonstrations in one event.

        Raises:
            ConceptControlError: If subjects or arguments cannot be found in the scene.
        """
        if self.roles is None and event.source != 'markers':
            roles = event.subjects, event.arguments
            if not event.arguments:
                roles = shown_roles(event.after, event.subjects)
                if event.source not in ('whole bag', 'episodes') and roles[0] != roles[1]:
                    roles = event.subjects, event.subjects
            return [demonstration(event.before, event.after, *roles)]
        label = f'{self.name}{self.roles}' if self.roles else event.label or self.name
        names = concept_names(parse(label))[1:] if '(' in label else ()
        segmenter = Segmenter(self.words.model, self.words.having(names))
        segmenter.mark(f'begin {label}', event.before)
        segmenter.mark('end', event.after)
        finished = segmenter.mark('learn', event.after)
        assert finished is not None
        return list(finished.demonstrations)
