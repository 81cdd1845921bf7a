"""Leave-one-out cross-validation: each demonstration is held out once and judged by the others.

An outcome is judged by whether it is what the code of the others would make: near the place that
the code generates, or plausible under its bounds. A mask is, if it is the one they identify.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.world.events import Events

TOLERANCE = 0.0625
"""Distance from a generated place up to which an outcome is that place [workspace units]; that of
the predicates."""

MAX_NATS = 3.0
"""Implausibility up to which an outcome or a mask is what the others suggest."""

MAX_SURPRISE = 2.5
"""Largest misfit of an outcome less likely than chance that codes inferred with it explain."""

MIN_GAIN = 0.25
"""Median log likelihood over that of chance from which on a code tells outcomes from it [nats]."""

LEAST_GAIN = -1.0
"""Most that a single surprise speaks against all demonstrations [nats]."""

NAT = 0.01
"""Energy of a mask that is one nat."""

_ANYWHERE = 200


@dataclass(frozen=True)
class LeaveOneOutResult:
    """The result of holding out each of M demonstrations once.

    Attributes:
        held_out: (M,) misfit of each under the code of the others, relative to what is allowed.
        generated: Number of outcomes that are what the others' code makes, and out of how many.
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
        parts = []
        if self.generated[1]:
            parts.append('{} of {} outcomes are what the others suggest'.format(*self.generated))
        if self.identified[1]:
            parts.append('{} of {} are identified by the others'.format(*self.identified))
        facts = '; '.join(parts)
        if self.agrees:
            return f'these {len(self.held_out)} demonstrations agree ({facts})'
        if self.outlier is None:
            return (
                'these demonstrations do not agree: what holds in some says no more of the others '
                f'than chance ({facts})'
            )
        return (
            f'these demonstrations do not agree: number {self.outlier + 1} does not fit the '
            f'others ({facts}); leave it out or show it again'
        )


@dataclass(frozen=True)
class _HeldOut:
    """What the others' code says of one demonstration.

    Attributes:
        misfit: Implausibility relative to what is allowed.
        gain: Log likelihood of the outcome over that of chance, or 1 where the mask is
            identified and -1 where it is not; the least of both.
        is_generated: Whether the outcome is what the code makes; None where nothing moves.
        is_identified: Whether the mask is identified; None where it is not asked.
    """

    misfit: float
    gain: float
    is_generated: bool | None
    is_identified: bool | None


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
    judged = []
    for i in range(count):
        others = demonstrations[[j for j in range(count) if j != i]]
        code = model.infer(others, seed)
        judged.append(_judge(model, demonstrations[i], code, acts, selects, seed))
        progress()
    held_out = [each.misfit for each in judged]
    worst = int(np.argmax(held_out))
    # A code of few demonstrations may be narrower than the concept: what the others did not
    # suggest agrees all the same where codes that have seen it still tell the rest from chance.
    gains = [each.gain for each in judged]
    with_it = float(np.median([gain for i, gain in enumerate(gains) if i != worst]))
    fits = held_out[worst] <= 1.0
    says_something = count == 2 or float(np.maximum(gains, LEAST_GAIN).sum()) >= 0.0
    is_bearable = held_out[worst] <= MAX_SURPRISE or gains[worst] >= 0.0
    is_explained = count > 2 and is_bearable and with_it >= MIN_GAIN
    agrees = says_something and (fits or is_explained)
    generated = [each.is_generated for each in judged if each.is_generated is not None]
    identified = [each.is_identified for each in judged if each.is_identified is not None]
    return LeaveOneOutResult(
        held_out=tuple(held_out),
        generated=(sum(generated), len(generated)),
        identified=(sum(identified), len(identified)),
        outlier=None if agrees or fits or count == 2 else worst,
        agrees=agrees,
    )


def _judge(
    model: ConceptModel, one: Events, code: ConceptCode, acts: bool, selects: bool, seed: int
) -> _HeldOut:
    misfits, gains = [0.0], []
    is_generated = is_identified = None
    if acts and bool(one.subjects.any()):
        nats = float(model.implausibility(one, code)[0])
        moved = model.generate(one.before(), code, seed)
        away = float((moved.positions[:, -1] - one.positions[:, -1]).norm(dim=-1).max())
        misfit = 0.0 if away <= TOLERANCE else nats / MAX_NATS
        misfits.append(misfit)
        is_generated = misfit <= 1.0
        chance = _chance(model, one, code, seed)
        gains.append(-nats - chance)
    if selects:
        same = (model.identify(one, code, seed) > 0.5) == (one.attention > 0.5)
        is_identified = bool(same[one.present].all())
        nats = float(model.argument_energy(one, code)[0]) / NAT
        misfits.append(0.0 if is_identified else nats / MAX_NATS)
        gains.append(1.0 if is_identified else -1.0)
    return _HeldOut(max(misfits), min(gains, default=1.0), is_generated, is_identified)


def _chance(model: ConceptModel, one: Events, code: ConceptCode, seed: int) -> float:
    """Return the log of the mean plausibility of the subjects anywhere."""
    generator = torch.Generator().manual_seed(seed)
    many = one[[0] * _ANYWHERE]
    shape = many.positions[:, -1].shape
    anywhere = (2 * torch.rand(shape, generator=generator) - 1).to(many.device)
    places = torch.where(many.subjects[..., None], anywhere, many.positions[:, -1])
    nats = model.implausibility(many.with_outcome(places), code)
    return float(torch.logsumexp(-nats, dim=0)) - float(np.log(_ANYWHERE))
