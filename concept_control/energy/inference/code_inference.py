"""Code inference: from a few demonstrations to the code that explains them.

The encoder's guess is fast; gradient descent on the demonstration loss (equation 7 of Mordatch,
arXiv 1811.02486) improves it, most of all for concepts unlike those of the training. The loss
measures how well the demonstrations fit and how little else would: among codes that explain the
demonstrations, the one whose concept holds in the fewest other outcomes is the likeliest. Every
step draws new candidates, because a descent against fixed ones overfits to them. The result is
validated on candidates that it has not seen, and dropped where it is no improvement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from concept_control.energy.inference.objectives import info_nce, norm_of
from concept_control.energy.networks.energy_network import (
    ACTION,
    ARGUMENT,
    DemonstrationEncoder,
    EnergyNetwork,
    normalise_code,
)
from concept_control.energy.scene_batch import SceneBatch
from concept_control.errors import CodeError

REACH = 1.1
"""Bound of the candidates, drawn from [-REACH, REACH]², a little beyond the workspace."""


def candidate_outcomes(rng: np.random.Generator, scene: SceneBatch, count: int) -> torch.Tensor:
    """Draw outcomes in which the subjects stand elsewhere, at all scales.

    30 % are uniform, 50 % near the demonstrated outcome at log-uniform scales from 0.01 to 1, 2 %
    the first state, the rest close to, half-way between or opposite of other entities, where the
    minimum of a wrong binding of roles would lie. In half of the outcomes only one subject moves.

    Args:
        rng: Random generator.
        scene: B demonstrations.
        count: k, number of outcomes per event.

    Returns:
        (B, 1 + k, N, 2) workspace units, the demonstrated outcome first; entities that are no
        subjects stay.
    """
    positions, before = scene.after.cpu().numpy(), scene.before.cpu().numpy()
    subjects, present = _masks(scene)
    batch, num_entities, _ = positions.shape
    shape = (batch, count, num_entities, 2)
    here = np.broadcast_to(positions[:, None], shape)
    anywhere = rng.uniform(-REACH, REACH, shape)
    scale = np.exp(rng.uniform(np.log(0.01), 0.0, (batch, count, 1, 1)))
    nearby = here + scale * rng.standard_normal(shape)

    weight = rng.random((batch, count, num_entities, num_entities)) * present[:, None, None, :]
    first = weight.argmax(axis=-1)
    second = (weight * (np.arange(num_entities) != first[..., None])).argmax(axis=-1)
    rows = np.arange(batch)[:, None, None]
    a, b = positions[rows, first], positions[rows, second]
    share = rng.choice([0.0, 0.5, 1.0, 2.0], (batch, count, num_entities, 1))
    jitter = np.exp(rng.uniform(np.log(0.02), np.log(0.3), (batch, count, 1, 1)))
    tempting = a + share * (b - a) + jitter * rng.standard_normal(shape)

    stayed = np.broadcast_to(before[:, None], shape)
    kind = rng.random((batch, count, 1, 1))
    outcome = np.where(kind < 0.3, anywhere, np.where(kind < 0.8, nearby, tempting))
    outcome = np.where(kind > 0.98, stayed, outcome)
    outcome = np.clip(outcome, -REACH, REACH)

    pick = (rng.random((batch, count, num_entities)) * subjects[:, None]).argmax(axis=-1)
    one = np.arange(num_entities) == pick[..., None]
    moves = np.where(rng.random((batch, count, 1)) < 0.5, one, True) & subjects[:, None]
    drawn = torch.from_numpy(np.where(moves[..., None], outcome, here)).to(scene.after)
    return torch.cat([scene.after.unsqueeze(1), drawn], dim=1)


def candidate_masks(rng: np.random.Generator, scene: SceneBatch, count: int) -> torch.Tensor:
    """Draw masks that differ from the demonstrated one.

    Half differ in one entity, a quarter are permutations of the demonstrated mask, a quarter are
    random. Where the demonstrated mask contains no subject, most candidates do not either.

    Args:
        rng: Random generator.
        scene: B demonstrations.
        count: k, number of masks per event.

    Returns:
        (B, 1 + k, N) 0 or 1, the demonstrated mask first; a few others may equal it.
    """
    attention = scene.attention.cpu().numpy()
    subjects, present = _masks(scene)
    batch, num_entities = attention.shape
    shape = (batch, count, num_entities)
    truth = np.broadcast_to(attention[:, None] > 0.5, shape)
    here = np.broadcast_to(present[:, None], shape)
    separate = ~(attention.astype(bool) & subjects).any(axis=-1)
    spare = subjects[:, None] & separate[:, None, None] & (rng.random((batch, count, 1)) < 0.8)
    free = here & ~spare

    flip = (rng.random(shape) * free).argmax(axis=-1)
    flipped = truth ^ (np.arange(num_entities) == flip[..., None])
    order = np.argsort(rng.random(shape) + 10.0 * ~free, axis=-1)
    ranked = np.argsort(-truth.astype(float) - 0.5 * rng.random(shape), axis=-1)
    permuted = np.zeros(shape, bool)
    np.put_along_axis(permuted, order, np.take_along_axis(truth, ranked, axis=-1), axis=-1)
    anything = rng.random(shape) < rng.uniform(0.1, 0.9, (batch, count, 1))
    kind = rng.random((batch, count, 1))
    masks = np.where(kind < 0.5, flipped, np.where(kind < 0.75, permuted, anything))
    drawn = torch.from_numpy(masks & free).to(scene.attention)
    return torch.cat([scene.attention.unsqueeze(1), drawn], dim=1)


def _masks(scene: SceneBatch) -> tuple[np.ndarray, np.ndarray]:
    subjects, present = (mask.cpu().numpy() > 0.5 for mask in (scene.subjects, scene.present))
    return subjects, present


METHODS = ('both', 'encoder', 'gradient')
HALVES = ('action', 'argument')

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Halves of codes (C, W) and candidates to losses (C,)."""

CandidateSampler = Callable[[], torch.Tensor]
"""Draws the candidates of one step."""

_VALIDATION_SETS = 2
"""Sets of candidates that judge a code before and after the descent."""


@dataclass(frozen=True)
class InferenceConfig:
    """Settings of the code inference.

    Attributes:
        method: 'encoder' (the guess alone), 'gradient' (descent from random codes) or 'both'.
        steps: Gradient steps of 'both' on the action half.
        argument_steps: Gradient steps of 'both' on the argument half.
        good_argument: Loss of the argument half up to which the encoder's guess is kept.
        learning_rate: Adam's rate on the action half, a code of unit scale; annealed to zero.
        argument_rate: Adam's rate on the argument half.
        gain: Decrease of the loss from which on the refined code replaces the guess. For smaller
            decreases "between" became less precise and nothing more often right.
        proximity: Weight of the mean squared distance to the encoder's guess, against the loss of
            one demonstration.
        gradient_steps: Gradient steps of 'gradient'.
        gradient_rate: Adam's rate of 'gradient'.
        restarts: Random codes that 'gradient' starts from.
        outcomes: Candidate outcomes per demonstration and step.
        masks: Candidate masks per demonstration and step.
        temperature: Energy of an outcome that counts as one nat of the contrast. The energy is
            trained to be the squared distance to where the concept holds, so this is an outcome
            0.07 away. With ten times as much, candidates that are well out are still pushed
            further, and five demonstrations of a shape made its code worse.
        contrast: Weight of the contrast in the loss of the action half.
        data_scale: sqrt(E) of a demonstrated outcome that counts as one unit of loss.
        mask_temperature: Energy of a mask that counts as one nat of the contrast.
        mask_scale: sqrt(E) of a demonstrated mask that counts as one unit of loss.

    Raises:
        CodeError: for an unknown method.
    """

    method: str = 'both'
    steps: int = 48
    argument_steps: int = 32
    good_argument: float = 0.2
    learning_rate: float = 0.035
    argument_rate: float = 0.1
    gain: float = 0.3
    proximity: float = 1.0
    gradient_steps: int = 150
    gradient_rate: float = 0.05
    restarts: int = 4
    outcomes: int = 8
    masks: int = 16
    temperature: float = 0.005
    contrast: float = 3.0
    data_scale: float = 0.05
    mask_temperature: float = 0.05
    mask_scale: float = 0.2

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise CodeError(
                f'inference method {self.method!r}; expected one of {", ".join(METHODS)}'
            )


class DemonstrationLoss:
    """Demonstration loss of codes: energy of what was shown, contrasted with candidates.

    Args:
        network: Energy network.
        scene: C * M demonstrations, those of one concept in a row.
        shots: M, number of demonstrations of each concept.
        config: Numbers of candidates and scales of the loss.
        rng: Random generator of the candidates.
    """

    def __init__(
        self,
        network: EnergyNetwork,
        scene: SceneBatch,
        shots: int,
        config: InferenceConfig,
        rng: np.random.Generator,
    ) -> None:
        self.network, self.scene, self.shots = network, scene, shots
        self.config, self.rng = config, rng
        self._acts = (scene.subjects.sum(dim=-1) > 0).to(scene.after.dtype)
        self._attends = (scene.attention.sum(dim=-1) > 0).to(scene.after.dtype)

    def action(self, codes: torch.Tensor, outcomes: torch.Tensor) -> torch.Tensor:
        """Return the losses (C,) of action halves (C, W) against candidate outcomes."""
        config = self.config
        count = outcomes.shape[1]
        moved = self.scene.repeat(count)._replace(after=outcomes.flatten(0, 1))
        each = codes.repeat_interleave(self.shots, dim=0)
        conditioning = self.network.condition(each, ACTION).repeat(count)
        residual = self.network(moved, moved.attention.unsqueeze(1), conditioning)
        norms = norm_of(residual[:, 0]).unflatten(0, (-1, count))
        never = torch.zeros_like(norms, dtype=torch.bool)
        contrast = info_nce(norms.square(), never, config.temperature)
        value = self._acts * (config.contrast * contrast + norms[:, 0] / config.data_scale)
        return value.unflatten(0, (-1, self.shots)).mean(dim=1)

    def argument(self, codes: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return the losses (C,) of argument halves (C, W) against candidate masks."""
        config = self.config
        each = codes.repeat_interleave(self.shots, dim=0)
        conditioning = self.network.condition(each, ARGUMENT)
        norms = norm_of(self.network(self.scene, masks, conditioning))
        same = (masks == masks[:, :1]).all(dim=-1)
        contrast = info_nce(norms.square(), same, config.mask_temperature)
        value = self._attends * (contrast + (norms[:, 0] / config.mask_scale).square())
        return value.unflatten(0, (-1, self.shots)).mean(dim=1)

    def parts(self, half: str) -> tuple[LossFunction, CandidateSampler]:
        """Return the loss of one half, 'action' or 'argument', and the sampler of candidates."""
        rng, scene, config = self.rng, self.scene, self.config
        if half == 'action':
            return self.action, partial(candidate_outcomes, rng, scene, config.outcomes)
        return self.argument, partial(candidate_masks, rng, scene, config.masks)


def infer_codes(
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    scene: SceneBatch,
    shots: int,
    config: InferenceConfig,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    """Infer the codes of C concepts from M demonstrations each.

    Args:
        network: Energy network.
        encoder: Encoder that makes the first guess.
        scene: C * M demonstrations, those of one concept in a row.
        shots: M, number of demonstrations of each concept.
        config: Settings.
        rng: Random generator of candidates and restarts.

    Returns:
        Codes (C, 2W), action half first, and one report per concept.
    """
    concepts = scene.num_events // shots
    loss = DemonstrationLoss(network, scene, shots, config, rng)
    if config.method == 'gradient':
        reports: list[dict[str, Any]] = [{'method': 'gradient'} for _ in range(concepts)]
        width = network.config.code_width
        halves = [_infer_from_random(loss, name, width, reports) for name in HALVES]
        return torch.cat(halves, dim=-1), reports
    with torch.no_grad():
        guess = encoder(scene, scene.after.new_ones(concepts, shots))
    reports = [{'method': 'encoder'} for _ in range(concepts)]
    if config.method == 'encoder':
        return guess, reports
    # The halves are refined one by one, because they serve different operations.
    halves = [
        _refine(loss, name, half, reports) for name, half in zip(HALVES, guess.chunk(2, dim=-1))
    ]
    return torch.cat(halves, dim=-1), reports


def _refine(
    loss: DemonstrationLoss,
    name: str,
    guess: torch.Tensor,
    reports: list[dict[str, Any]],
) -> torch.Tensor:
    """Return the halves (C, W) that descent from a guess (C, W) leads to, where it is better."""
    config = loss.config
    steps, rate, good = config.steps, config.learning_rate, 0.0
    if name == 'argument':
        steps, rate, good = config.argument_steps, config.argument_rate, config.good_argument
    loss_fn, sample_candidates = loss.parts(name)
    validation_candidates = [sample_candidates() for _ in range(_VALIDATION_SETS)]
    before = _mean_loss(loss_fn, guess, validation_candidates)
    for row, report in enumerate(reports):
        report[f'{name}_loss_of_guess'] = before[row].item()
    if (before <= good).all():
        return guess
    proximity = config.proximity / loss.shots
    refined = _descend(loss_fn, sample_candidates, guess, steps, rate, proximity)
    after = _mean_loss(loss_fn, refined, validation_candidates)
    better = (after < before - config.gain) & (before > good)
    for row, report in enumerate(reports):
        report[f'{name}_loss_of_refined'] = after[row].item()
        if better[row]:
            report['method'] = 'both'
    return torch.where(better[:, None], refined, guess)


def _infer_from_random(
    loss: DemonstrationLoss, name: str, width: int, reports: list[dict[str, Any]]
) -> torch.Tensor:
    """Return the best halves (C, W) that descent from random codes leads to."""
    config = loss.config
    loss_fn, sample_candidates = loss.parts(name)
    validation_candidates = [sample_candidates() for _ in range(_VALIDATION_SETS)]
    after = loss.scene.after
    best = after.new_zeros(len(reports), width)
    lowest = after.new_full((len(reports),), torch.inf)
    for _ in range(config.restarts):
        random = torch.from_numpy(loss.rng.standard_normal((len(reports), width))).to(after)
        start = normalise_code(random, width)
        codes = _descend(
            loss_fn, sample_candidates, start, config.gradient_steps, config.gradient_rate, 0.0
        )
        value = _mean_loss(loss_fn, codes, validation_candidates)
        better = value < lowest
        lowest = torch.where(better, value, lowest)
        best = torch.where(better[:, None], codes, best)
    for row, report in enumerate(reports):
        report[f'{name}_loss'] = lowest[row].item()
    return best


def _mean_loss(
    loss_fn: LossFunction, codes: torch.Tensor, candidates: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the losses (C,) of halves of codes, averaged over sets of candidates."""
    with torch.no_grad():
        return torch.stack([loss_fn(codes, drawn) for drawn in candidates]).mean(dim=0)


def _descend(
    loss_fn: LossFunction,
    sample_candidates: CandidateSampler,
    start: torch.Tensor,
    steps: int,
    rate: float,
    proximity: float,
) -> torch.Tensor:
    """Descend with Adam from halves (C, W), held near them with weight `proximity`."""
    codes = start.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([codes], lr=rate, betas=(0.8, 0.98))
    for step in range(steps):
        optimiser.param_groups[0]['lr'] = rate * (1 - step / steps)
        with torch.enable_grad():
            value = loss_fn(codes, sample_candidates())
            value = value + proximity * (codes - start).square().mean(dim=1)
            (codes.grad,) = torch.autograd.grad(value.sum(), codes)
        optimiser.step()
    return normalise_code(codes.detach(), codes.shape[1])
