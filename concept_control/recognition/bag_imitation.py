"""A bag to a command that makes what happened in it happen elsewhere."""

from __future__ import annotations

from pathlib import Path

from concept_control.bags.demonstrated_events import bag_events
from concept_control.bags.reader import Bag
from concept_control.bags.setup import read_setup
from concept_control.energy.model import ConceptModel
from concept_control.errors import GroundingError
from concept_control.language.library_store import default_folder, whole_library
from concept_control.recognition.imitation import imitation
from concept_control.recognition.recogniser import Statement


def imitate_bag(path: Path, model_folder: Path | None = None) -> tuple[str, list[Statement]]:
    """Return the command for the last event of a bag in which something moved.

    What the recording says about an event is not believed: only what was seen counts.

    Raises:
        ConceptControlError: if the bag cannot be read, or what happened cannot be said.
    """
    model = ConceptModel.load(model_folder)
    with Bag(path) as bag:
        events = [e for e in bag_events(bag, read_setup()) if e.subjects]
    if not events:
        raise GroundingError(f'nothing moved in {path}: there is nothing to imitate')
    event = events[-1]
    library = whole_library(model, default_folder())
    return imitation(event.before, event.after, event.subjects, (), model, library)
