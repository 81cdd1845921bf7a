"""Leave-one-out cross-validation: each demonstration is held out once and judged by the others.

The square root of the energy is used: the energy is trained to be about the square of the
distance to satisfaction, so its root is one, in workspace units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.world.events import Events

MAX_DISTANCE = 0.1
"""Root energy up to which a held-out demonstration fits: the tolerance of the predicates."""

MAX_ATTENTION_DISTANCE = 0.25
"""The same for identification, where the energy is no distance in space."""

MAX_SURPRISE = 4.0
"""Largest misfit of a held-out demonstration that codes inferred with it explain."""

EXPLAINED = 0.5
"""Largest misfit of demonstrations to codes inferred with them that counts as explained."""

FITS_WELL = 0.05
"""Misfit that is added when misfits are compared: smaller ones are as good as none."""


@dataclass(frozen=True)
class LeaveOneOutResult:
    """The result of holding out each of M demonstrations once.

    Attributes:
        held_out: (M,) misfit of each: root of its energy under the code inferred from the others,
            relative to what is allowed. Up to 1 is good, up to `MAX_SURPRISE` where codes inferred
            with it explain it.
        generated: Number of the moved ones that the others' code brings to where it holds, by
            its own energy, and out of how many.
        identified: Number in which the others' code picks the same entities, and out of how many.
        outlier: Index of the demonstration that does not fit, None where all do or none stands
            out.
        agrees: Whether the demonstrations agree; None where there are too few to tell.
    """

    held_out: tuple[float, ...]
    generated: tuple[int, int]
    identified: tuple[int, int]
    outlier: int | None
    agrees: bool | None

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        if self.agrees is None:
            return 'a single demonstration cannot be tested against others'
        parts = [f'held out, the worst is {max(self.held_out):.2f} of what is allowed']
        for (good, of), word in ((self.generated, 'generated'), (self.identified, 'identified')):
            if of:
                parts.append(f'{good} of {of} {word} by the others')
        facts = '; '.join(parts)
        if self.agrees:
            return f'these {len(self.held_out)} demonstrations agree ({facts})'
        if self.outlier is None:
            return f'these demonstrations do not agree ({facts})'
        return (
            f'these demonstrations do not agree: number {self.outlier + 1} does not fit the '
            f'others ({facts}); leave it out or show it again'
        )


def leave_one_out(
    model: ConceptModel,
    demonstrations: Events,
    acts: bool,
    selects: bool,
    seed: int = 0,
    progress: Callable[[], object] = lambda: None,
) -> LeaveOneOutResult:
    """Hold out each demonstration once.

    Args:
        model: Model that infers and judges.
        demonstrations: M events, T = 2.
        acts: Whether the concept is used to move subjects.
        selects: Whether it is used to identify.
        seed: Seed of the inferences.
        progress: Callback after each.
    """
    count = len(demonstrations)
    if count == 1:
        return LeaveOneOutResult((), (0, 0), (0, 0), None, None)
    held_out, rest_fits = [], []
    generated, identified = [], []
    for i in range(count):
        one = demonstrations[i]
        others = demonstrations[[j for j in range(count) if j != i]]
        code = model.infer(others, seed)
        held_out.append(float(_misfit(model, one, code, acts, selects)[0]))
        rest_fits.append(float(_misfit(model, others, code, acts, selects).max()))
        if acts and bool(one.subjects.any()):
            moved = model.generate(one.before(), code, seed)
            generated.append(float(_misfit(model, moved, code, True, False)[0]) <= 1.0)
        if selects:
            same = (model.identify(one, code, seed) > 0.5) == (one.attention > 0.5)
            identified.append(bool(same[one.present].all()))
        progress()
    worst = int(np.argmax(held_out))
    with_it = float(np.median([fit for i, fit in enumerate(rest_fits) if i != worst]))
    # A code of few demonstrations may be narrower than the concept: what the others did not
    # suggest agrees all the same where codes that have seen it explain it and the rest.
    limit = MAX_SURPRISE if with_it <= EXPLAINED else 1.0
    agrees = held_out[worst] <= limit
    # Without the one that does not fit, the rest fit each other, and do not speak for it.
    odds = np.array(held_out) / (np.array(rest_fits) + FITS_WELL)
    outlier = None if agrees or count == 2 else int(np.argmax(odds))
    return LeaveOneOutResult(
        held_out=tuple(held_out),
        generated=(sum(generated), len(generated)),
        identified=(sum(identified), len(identified)),
        outlier=outlier,
        agrees=agrees,
    )


def _misfit(
    model: ConceptModel, events: Events, code: ConceptCode, acts: bool, selects: bool
) -> torch.Tensor:
    """Return (B,) distances relative to those allowed, of the halves that are used."""
    worst = torch.zeros(len(events))
    if acts:
        # Where nothing moves there is nothing to act on.
        there = events.subjects.any(dim=-1)
        distance = model.action_energy(events, code).sqrt().cpu()
        worst = torch.where(there, distance / MAX_DISTANCE, worst)
    if selects:
        distance = model.argument_energy(events, code).sqrt().cpu()
        worst = torch.maximum(worst, distance / MAX_ATTENTION_DISTANCE)
    return worst
