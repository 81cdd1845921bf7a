"""Imitation: from an event to a command that makes the same happen elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from concept_control.bags.demonstrated_events import recorded_events
from concept_control.bags.setup import read_setup
from concept_control.energy.model import ConceptModel
from concept_control.errors import GroundingError
from concept_control.language.library import ConceptLibrary
from concept_control.language.library_store import whole_library
from concept_control.paths import library_folder
from concept_control.recognition.recogniser import LIKELY, Recogniser, Statement, names_of
from concept_control.world.tabletop import Tabletop


def imitation(
    before: Tabletop,
    after: Tabletop,
    subjects: Sequence[int],
    arguments: Sequence[int],
    model: ConceptModel,
    library: ConceptLibrary,
) -> tuple[str, list[Statement]]:
    """Return the command that says what happened, for any scene with such things in it.

    Things are called by what they look like, so that the command finds them among others and in
    other places; a shape that all blocks were part of is made of all there are.

    Args:
        before: Scene at the start.
        after: Scene at the end, with the same ids.
        subjects: Ids of what moved.
        arguments: Ids of what it is about, where that is known.
        model: Model whose energies are compared.
        library: Concepts that may name the event.

    Returns:
        The expression, and every statement that was considered.

    Raises:
        GroundingError: if nothing moved, nothing known happened, or a thing has no name.
    """
    if not subjects:
        raise GroundingError('nothing moved in the recording: there is nothing to imitate')
    statements = Recogniser(model, library).recognise(before, after, subjects, arguments)
    if not statements or statements[0].score < LIKELY:
        nearest = ', '.join(f'{s.text()} {s.score:.2f}' for s in statements[:3]) or 'none'
        raise GroundingError(
            f'what happened has no name in the library (nearest: {nearest}); teach it first: '
            '`concept_control teach NAME --from RECORDING`'
        )
    happened = statements[0]
    if set(happened.subjects) == set(before.ids):
        return f'{happened.name}(all)', statements
    names = names_of(before, model, library)
    nameless = [i for i in (*happened.subjects, *happened.arguments) if i not in names]
    if nameless:
        raise GroundingError(
            f'{happened.text(names)} happened, but no word picks {nameless} and nothing else, so '
            f'it cannot be found in another scene; there were: {before.describe()}'
        )
    return happened.text(names), statements


def imitate_recording(path: Path, model_folder: Path | None = None) -> tuple[str, list[Statement]]:
    """Return the command for the last event of a bag or NPZ file in which something moved.

    What the recording says about an event is not believed: only what was seen counts.

    Raises:
        ConceptControlError: if it cannot be read, or what happened cannot be said.
    """
    model = ConceptModel.load(model_folder)
    events = [e for e in recorded_events(path, read_setup()) if e.subjects]
    if not events:
        raise GroundingError(f'nothing moved in {path}: there is nothing to imitate')
    event = events[-1]
    library = whole_library(model, library_folder())
    return imitation(event.before, event.after, event.subjects, (), model, library)
