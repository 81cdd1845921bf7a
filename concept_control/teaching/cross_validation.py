"""Cross-validation: each demonstration is held out once and judged by the others.

Up to `MAX_LEFT_OUT_ALONE` demonstrations are held out one by one, more of them in `NUM_FOLDS`
parts.

What was demonstrated is ranked among what might have been: by the share of other outcomes, or of
other masks, that the code of the others holds for likelier. Where the demonstrations have nothing
in common the rank is anything from 0 to 1, whatever the code says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.energy.scene_batch import scene_batch_from_events, settled
from concept_control.language.library import Usage
from concept_control.world.events import Events

MAX_RANK = 0.5
"""Rank from which on chance is as likely to be better as worse. Chosen on trained families, as
`MAX_SURPRISE`; `concept_control benchmark concepts --section teaching` measures both on others."""

MAX_SURPRISE = 1.6
"""Largest likelihood of a rank by chance over that by what the others' ranks are like."""

MAX_LEFT_OUT_ALONE = 10
NUM_FOLDS = 5
MAX_JUDGES = 20
"""Number of demonstrations up to which each is held out alone, number of parts in which more are
held out, and most others that judge: more of them say nothing else, and take longer."""

MAX_SUSPECTS = 5
"""Demonstrations that are tried for the one that does not fit, those of the highest ranks."""

_ANYWHERE = 200
_TIE = 1e-6
"""Number of other outcomes, and difference up to which their energies count as equal."""


@dataclass(frozen=True)
class LeaveOneOutResult:
    """The result of holding out each of M demonstrations once.

    Attributes:
        held_out: (M,) rank of each under the code of the others: share of other outcomes, or of
            masks, that are likelier.
        generated: Number of outcomes that are where the others suggest, and out of how many.
        identified: Number of masks than which no other is likelier, and out of how many.
        outlier: Index of a demonstration without which the others agree, of several that of the
            highest rank; None where there is no such, or all agree.
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
            parts.append('{} of {} outcomes are where the others suggest'.format(*self.generated))
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


def leave_one_out(
    model: ConceptModel,
    demonstrations: Events,
    usage: Usage,
    seed: int = 0,
    progress: Callable[[], object] = lambda: None,
) -> LeaveOneOutResult:
    """Hold out each demonstration once.

    Args:
        model: Model that infers the codes.
        demonstrations: M events, T = 2.
        usage: Use of the concept: which outcomes are held out, and which masks.
        seed: Seed of the inferences.
        progress: Callback after each.
    """
    count = len(demonstrations)
    if count == 1:
        return LeaveOneOutResult((), (0, 0), (0, 0), None, None)
    judged = []
    for one in _held_out(model, demonstrations, usage, seed):
        judged.append(one)
        progress()
    places, _, likelier = np.array(judged).T
    ranks = _ranks(judged)
    agrees = _agree(ranks)
    outlier = None
    # Of the highest ranks, one without which the others agree.
    for i in np.argsort(-ranks, kind='stable')[:MAX_SUSPECTS] if count > 2 and not agrees else ():
        rest = demonstrations[[k for k in range(count) if k != i]]
        if _agree(_ranks(list(_held_out(model, rest, usage, seed)))):
            outlier = int(i)
            break
    return LeaveOneOutResult(
        held_out=tuple(ranks.tolist()),
        generated=(int((places < MAX_RANK).sum()), int(np.isfinite(places).sum())),
        identified=(int((likelier == 0).sum()), int(np.isfinite(likelier).sum())),
        outlier=outlier,
        agrees=agrees,
    )


def _held_out(
    model: ConceptModel, demonstrations: Events, usage: Usage, seed: int
) -> Iterator[tuple[float, float, float]]:
    """Yield what the others' code says of each demonstration; NaN where it is not asked.

    The rank of the outcome, the rank of the mask, and the share of masks that are likelier.
    """
    count = len(demonstrations)
    num_folds = count if count <= MAX_LEFT_OUT_ALONE else NUM_FOLDS
    codes: dict[int, ConceptCode] = {}
    for i in range(count):
        fold, one = i % num_folds, demonstrations[i]
        if fold not in codes:
            others = [k for k in range(count) if k % num_folds != fold]
            codes[fold] = model.infer(
                demonstrations[others[:: -(-len(others) // MAX_JUDGES)]], seed
            )
        place = mask = likelier = float('nan')
        if usage.acts and bool(one.subjects.any()):
            place, _ = _rank_of_outcome(model, one, codes[fold], seed)
        if usage.selects:
            mask, likelier = _rank_of_mask(model, one, codes[fold])
        yield place, mask, likelier


def _ranks(judged: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """Return the higher of both ranks (M,) of each; 0 where neither was asked."""
    places, masks, _ = np.array(judged).T
    return np.fmax(np.fmax(places, masks), 0.0)


def _agree(ranks: np.ndarray) -> bool:
    """Tell whether demonstrations of ranks (M,) agree: none is beyond chance or the others.

    Ranks of a concept have the density a p^(a - 1), those of chance 1; -log p is 1/a on average.
    """
    logs = -np.log(np.clip(ranks, 0.5 / _ANYWHERE, 1.0))
    of_others = np.maximum((logs.sum() - logs) / (len(ranks) - 1), 1.0)
    surprise = of_others * np.exp(-logs * (1 - 1 / of_others))
    return bool(ranks.max() < MAX_RANK and surprise.max() <= MAX_SURPRISE)


def _rank_of_outcome(
    model: ConceptModel, one: Events, code: ConceptCode, seed: int
) -> tuple[float, float]:
    """Return the rank of an outcome among those with the subjects anywhere, see `_rank`."""
    generator = torch.Generator().manual_seed(seed)
    many = one[[0] * _ANYWHERE]
    shape = many.positions[:, -1].shape
    anywhere = (2 * torch.rand(shape, generator=generator) - 1).to(many.device)
    places = torch.where(many.subjects[..., None], anywhere, many.positions[:, -1])
    bottoms = many.bottoms[:, -1] if one.is_stacked else None
    others = model.implausibility(settled(many.with_outcome(places, bottoms)), code)
    return _rank(others, model.implausibility(one, code)[0])


def _rank_of_mask(model: ConceptModel, one: Events, code: ConceptCode) -> tuple[float, float]:
    """Return the rank of a mask among those of as many things, see `_rank`.

    How many things are meant, all masks of chance have in common: it is which that counts.
    """
    scene = scene_batch_from_events(one).to(model.device)
    meant, subjects = scene.attention[0] > 0.5, scene.subjects[0] > 0.5
    may_be_meant = scene.present[0] > 0.5
    if not bool((meant & subjects).any()):
        may_be_meant = may_be_meant & ~subjects
    masks = candidate_masks(may_be_meant)
    others = masks[(masks != scene.attention).any(dim=1)]
    as_many = others[others.sum(dim=1) == meant.sum()]
    masks = torch.cat([scene.attention, as_many if len(as_many) else others])
    with torch.no_grad():
        energies = model.energy_function.mask_energies(scene, code, masks)
    return _rank(energies[1:], energies[0])


def _rank(others: torch.Tensor, mine: torch.Tensor) -> tuple[float, float]:
    """Return the shares of energies (G,) lower than one: with half of the equal ones, without."""
    lower = float((others < mine - _TIE).float().mean())
    equal = float(((others - mine).abs() <= _TIE).float().mean())
    return lower + 0.5 * equal, lower
