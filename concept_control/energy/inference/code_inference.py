"""Code inference: from a few demonstrations to the code that explains them.

The encoder's guess is fast; a gradient descent on the demonstration loss (equation 7 of arXiv
1811.02486) goes beyond it, most of all for concepts unlike those of the training. The loss says
how well the demonstrations fit and how little else would: among codes that explain the
demonstrations, the one whose concept holds in the fewest other outcomes is the likeliest. Each
step draws other candidates, for a descent against the same few fits those. The result is judged
on candidates that it has not seen, and dropped where it does not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from concept_control.energy.inference.candidates import candidate_masks, candidate_outcomes
from concept_control.energy.inference.learned_steps import Draw, InferenceSteps, Loss
from concept_control.energy.inference.objectives import info_nce, norm_of
from concept_control.energy.networks.encoder import DemonstrationEncoder, normalise_code
from concept_control.energy.networks.energy_network import ACTION, ARGUMENT, EnergyNetwork
from concept_control.energy.scene_batch import SceneBatch
from concept_control.errors import CodeError

METHODS = ('both', 'encoder', 'gradient')


@dataclass(frozen=True)
class InferenceConfig:
    """How codes are inferred.

    Attributes:
        method: 'encoder' (the guess alone), 'gradient' (descent from random codes) or 'both'.
        learned: whether 'both' takes the model's learned steps, where it has any, instead of
            Adam's with the numbers below.
        steps: gradient steps of 'both' on the action half.
        argument_steps: the same on the argument half.
        good_argument: loss of the argument half below which the encoder's guess stays as it is.
        learning_rate: of Adam on the action half, a code of unit scale; annealed to zero.
        argument_rate: the same on the argument half.
        gain: by how much the loss must fall for the guess to be given up: where it falls by less,
            "between" had become less precise and nothing had become more often right.
        proximity: weight of the squared distance to the encoder's guess, per component, against
            the loss of one demonstration.
        gradient_steps: steps of 'gradient', which starts from nothing.
        gradient_rate: learning rate of 'gradient'.
        restarts: random codes that 'gradient' starts from.
        outcomes: candidate outcomes per demonstration and step.
        masks: candidate masks per demonstration and step.
        temperature: energy of an outcome that counts as one nat of the contrast. The energy is
            trained to be the squared distance to where the concept holds, so this is an outcome
            0.07 away; with ten times as much, what is well out still has to be pushed further
            out, and five demonstrations of a shape made its code worse.
        contrast: weight of the contrast in the loss of the action half.
        data_scale: norm of a demonstrated outcome that counts as one unit of loss.
        mask_temperature: energy of a mask that counts as one nat of the contrast.
        mask_scale: norm of a demonstrated mask that counts as one unit of loss.
    """

    method: str = 'both'
    learned: bool = False
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
    """The demonstration loss of codes: low on what was shown, contrasted with candidates.

    Args:
        network: the energy.
        scene: C * M demonstrations.
        shots: M.
        config: numbers of candidates and scales.
        rng: of the candidates.
    """

    def __init__(
        self,
        network: EnergyNetwork,
        scene: SceneBatch,
        shots: int,
        config: InferenceConfig,
        rng: np.random.Generator,
    ) -> None:
        self.network = network
        self.scene = scene
        self.shots = shots
        self.config = config
        self.rng = rng
        self._arrays = {
            name: getattr(scene, name).cpu().numpy()
            for name in ('after', 'before', 'subjects', 'present', 'attention')
        }
        self._subjects = self._arrays['subjects'] > 0.5
        self._present = self._arrays['present'] > 0.5
        moves = scene.subjects.sum(dim=-1) > 0
        self._acts = moves.to(scene.after.dtype)
        self._attends = (scene.attention.sum(dim=-1) > 0).to(scene.after.dtype)

    def outcomes(self) -> torch.Tensor:
        """Draw candidate outcomes (B, 1 + k, N, 2), the demonstrated one first."""
        drawn = candidate_outcomes(
            self.rng,
            self._arrays['after'],
            self._arrays['before'],
            self._subjects,
            self._present,
            self.config.outcomes,
        )
        after = self.scene.after
        return torch.cat([after.unsqueeze(1), torch.from_numpy(drawn).to(after)], dim=1)

    def masks(self) -> torch.Tensor:
        """Draw candidate masks (B, 1 + k, N), the demonstrated one first."""
        drawn = candidate_masks(
            self.rng, self._arrays['attention'], self._subjects, self._present, self.config.masks
        )
        attention = self.scene.attention
        return torch.cat([attention.unsqueeze(1), torch.from_numpy(drawn).to(attention)], dim=1)

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

    def parts(self, half: str) -> tuple[Loss, Draw]:
        """Return the loss of one half, 'action' or 'argument', and what draws its candidates."""
        if half == 'action':
            return self.action, self.outcomes
        return self.argument, self.masks


def infer_codes(
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    scene: SceneBatch,
    shots: int,
    config: InferenceConfig,
    rng: np.random.Generator,
    learned: InferenceSteps | None = None,
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    """Infer the codes of C concepts from M demonstrations each.

    Args:
        network: the energy.
        encoder: the first guess.
        scene: C * M demonstrations, those of one concept in a row.
        shots: M.
        config: the method and its numbers.
        rng: of candidates and restarts.
        learned: step sizes of 'both', where there are learned ones.

    Returns:
        Codes (C, 2W), action half first, and one report per concept.
    """
    concepts = scene.num_events // shots
    if config.method == 'gradient':
        return _from_nothing(network, scene, shots, config, rng)
    with torch.no_grad():
        guess = encoder(scene, scene.after.new_ones(concepts, shots))
    if config.method == 'encoder':
        return guess, [{'method': 'encoder'} for _ in range(concepts)]
    width = network.config.code_width
    loss = DemonstrationLoss(network, scene, shots, config, rng)
    reports: list[dict[str, Any]] = [{'method': 'encoder'} for _ in range(concepts)]
    halves = []
    # Each half stands or falls by itself: they are used for different operations.
    for name, half, steps, rate, good in (
        ('action', guess[:, :width], config.steps, config.learning_rate, 0.0),
        (
            'argument',
            guess[:, width:],
            config.argument_steps,
            config.argument_rate,
            config.good_argument,
        ),
    ):
        evaluate, draw = loss.parts(name)
        judges = [draw() for _ in range(2)]
        before = _mean_loss(evaluate, half, judges)
        for row, report in enumerate(reports):
            report[f'{name}_loss_of_guess'] = before[row].item()
        if (before <= good).all():
            halves.append(half)
            continue
        if learned is not None and config.learned:
            refined = learned.descend(name, evaluate, draw, half)
        else:
            refined = _descend(evaluate, draw, half, half, steps, rate, config.proximity / shots)
        after = _mean_loss(evaluate, refined, judges)
        better = (after < before - config.gain) & (before > good)
        halves.append(torch.where(better[:, None], refined, half))
        for row, report in enumerate(reports):
            report[f'{name}_loss_of_refined'] = after[row].item()
            if better[row]:
                report['method'] = 'both'
    return torch.cat(halves, dim=-1), reports


def _mean_loss(
    evaluate: Loss, codes: torch.Tensor, judges: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the losses (C,) of halves of codes, averaged over sets of candidates."""
    with torch.no_grad():
        return torch.stack([evaluate(codes, drawn) for drawn in judges]).mean(dim=0)


def _descend(
    evaluate: Loss,
    draw: Draw,
    start: torch.Tensor,
    anchor: torch.Tensor,
    steps: int,
    rate: float,
    proximity: float,
) -> torch.Tensor:
    codes = start.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([codes], lr=rate, betas=(0.8, 0.98))
    for step in range(steps):
        optimiser.param_groups[0]['lr'] = rate * (1 - step / steps)
        with torch.enable_grad():
            value = evaluate(codes, draw())
            value = value + proximity * (codes - anchor).square().mean(dim=1)
            (codes.grad,) = torch.autograd.grad(value.sum(), codes)
        optimiser.step()
    return normalise_code(codes.detach(), codes.shape[1])


def _from_nothing(
    network: EnergyNetwork,
    scene: SceneBatch,
    shots: int,
    config: InferenceConfig,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    concepts = scene.num_events // shots
    width = network.config.code_width
    loss = DemonstrationLoss(network, scene, shots, config, rng)
    final = []
    losses = []
    for name in ('action', 'argument'):
        evaluate, draw = loss.parts(name)
        judges = [draw() for _ in range(2)]
        best = scene.after.new_zeros(concepts, width)
        lowest = scene.after.new_full((concepts,), torch.inf)
        for _ in range(config.restarts):
            random = torch.from_numpy(rng.standard_normal((concepts, width))).to(scene.after)
            start = normalise_code(random, width)
            codes = _descend(
                evaluate, draw, start, start, config.gradient_steps, config.gradient_rate, 0.0
            )
            value = _mean_loss(evaluate, codes, judges)
            better = value < lowest
            lowest = torch.where(better, value, lowest)
            best = torch.where(better[:, None], codes, best)
        final.append(best)
        losses.append(lowest)
    return torch.cat(final, dim=-1), [
        {
            'method': 'gradient',
            'action_loss': losses[0][row].item(),
            'argument_loss': losses[1][row].item(),
        }
        for row in range(concepts)
    ]
