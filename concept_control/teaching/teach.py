"""Teaching: from demonstrations to an entry of the library."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from concept_control.energy.model import ConceptModel
from concept_control.errors import LibraryError
from concept_control.language.appearance import identifies_by_appearance
from concept_control.language.library import LibraryConcept, Usage, hash_events, sentences_of
from concept_control.reports.tables import counted
from concept_control.teaching.cross_validation import LeaveOneOutResult, leave_one_out
from concept_control.world.events import Events

STILL = 0.02
"""Distance below which a subject has not moved [workspace units]; 5 mm on the table."""

USES = ('acts', 'selects', 'both')
"""Ways to use a concept."""


def usage_of(demonstrations: Events, use: str = '') -> Usage:
    """Tell how a concept may be used.

    With subjects that move it acts; with things that are pointed at and nothing that moves it
    selects, and a subject that stays is a marker. What `use` says goes first.

    Args:
        demonstrations: M events.
        use: One of `USES`; '' to read it off the demonstrations.

    Raises:
        LibraryError: for another word, or demonstrations that do not allow that use.
    """
    if use and use not in USES:
        raise LibraryError(f'a concept is used in one of the ways {", ".join(USES)}, not {use!r}')
    subjects = demonstrations.subjects.cpu().numpy()
    attention = demonstrations.attention.cpu().numpy() > 0.5
    shift = (demonstrations.centers[:, -1] - demonstrations.centers[:, 0]).norm(dim=-1)
    has_moved = bool(((shift.cpu().numpy() > STILL) & subjects).any())
    acts = use in ('acts', 'both') or (not use and has_moved)
    selects = use in ('selects', 'both') or (not use and not has_moved)
    if acts and not subjects.any():
        raise LibraryError('nothing moves in these demonstrations: the concept cannot act')
    if selects and not attention.any():
        raise LibraryError(
            'nothing is pointed at in these demonstrations: the concept cannot select'
        )
    with_subjects = subjects.any(axis=1)
    counts = subjects.sum(axis=1)
    members_only = attention & ~subjects
    if acts and not members_only.any():
        # A shape: its members are what moves and what it is about.
        few, many = int(counts[with_subjects].min()), int(counts[with_subjects].max())
        if demonstrations.is_stacked:
            few = min(few, 2)  # a pile of fewer is one as well; its code refuses what is none
        members = (few, None if many > 1 else 1)
        return Usage(acts=acts, selects=selects, subjects=members, arguments=(0, 0))
    pointed = members_only.sum(axis=1)[with_subjects] if acts else attention.sum(axis=1)
    return Usage(
        acts=acts,
        selects=selects,
        subjects=(int(counts.min()), int(counts.max())),
        arguments=(int(pointed.min()), int(pointed.max())) if acts else (0, None),
    )


def teach(
    model: ConceptModel,
    name: str,
    demonstrations: Events,
    description: str = '',
    use: str = '',
    seed: int = 0,
    progress: Callable[[], object] = lambda: None,
) -> tuple[LibraryConcept, LeaveOneOutResult]:
    """Infer a concept from demonstrations and test them against one another.

    Args:
        model: Model that infers.
        name: Name of the concept, which has passed `check_name`.
        demonstrations: M events, T = 2.
        description: One sentence for people.
        use: Way to use it, see `usage_of`.
        seed: Seed of the inference.
        progress: Callback after each of M + 1 inferences.

    Raises:
        LibraryError: if the demonstrations do not allow the use.
        EventError: if they show nothing.
    """
    usage = usage_of(demonstrations, use)
    code = model.infer(demonstrations, seed)
    progress()
    test = leave_one_out(model, demonstrations, usage, seed, progress)
    energy = float(np.mean(model.energy(demonstrations, code).cpu().numpy()))
    concept = LibraryConcept(
        name=name,
        description=description or f'taught by {counted(len(demonstrations), "demonstration")}',
        code=code,
        **vars(usage),
        num_demonstrations=len(demonstrations),
        energy=energy,
        source='taught',
        model=model.fingerprint,
        demonstrations_hash=hash_events(demonstrations),
        demonstrations=demonstrations,
        by_appearance=usage.selects
        and identifies_by_appearance(model, code, demonstrations, seed),
        self_test=test.text,
        sentences=sentences_of(model, code),
    )
    return concept, test
