"""Code inference: from a few demonstrations to the code that explains them.

The encoder's guess is fast; a gradient descent on the demonstration loss (equation 7 of arXiv
1811.02486) can go beyond it. Untuned, the descent made some codes worse, so it stays close to the
guess, is judged on candidates it has not seen, and is dropped where it does not help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from concept_control.energy.candidates import candidate_masks, candidate_outcomes
from concept_control.energy.encoder import DemonstrationEncoder, normalise_code
from concept_control.energy.network import ACTION, ARGUMENT, EnergyNetwork
from concept_control.energy.objectives import info_nce, norm_of
from concept_control.energy.scene import Scene
from concept_control.errors import CodeError

METHODS = ('both', 'encoder', 'gradient')


@dataclass(frozen=True)
class InferenceConfig:
    """How codes are inferred.

    Attributes:
        method: 'encoder' (the guess alone), 'gradient' (descent from random codes) or 'both'.
        steps: gradient steps of 'both'.
        learning_rate: of Adam on a code of unit scale, annealed to zero.
        proximity: weight of the squared distance to the encoder's guess, per component.
        gradient_steps: steps of 'gradient', which starts from nothing.
        gradient_rate: learning rate of 'gradient'.
        restarts: random codes that 'gradient' starts from.
        outcomes: candidate outcomes per demonstration and step.
        masks: candidate masks per demonstration and step.
        temperature: energy that counts as one nat of the contrast.
        data_scale: norm of a demonstration that counts as one unit of loss.
    """

    method: str = 'both'
    steps: int = 8
    learning_rate: float = 0.04
    proximity: float = 0.5
    gradient_steps: int = 150
    gradient_rate: float = 0.05
    restarts: int = 4
    outcomes: int = 12
    masks: int = 16
    temperature: float = 0.05
    data_scale: float = 0.05

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
        scene: Scene,
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

    def candidates(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw outcomes (B, 1 + k, N, 2) and masks (B, 1 + k', N), the demonstrated ones first."""
        arrays = self._arrays
        outcomes = candidate_outcomes(
            self.rng,
            arrays['after'],
            arrays['before'],
            self._subjects,
            self._present,
            self.config.outcomes,
        )
        masks = candidate_masks(
            self.rng, arrays['attention'], self._subjects, self._present, self.config.masks
        )
        scene = self.scene
        return (
            torch.cat([scene.after.unsqueeze(1), torch.from_numpy(outcomes).to(scene.after)], 1),
            torch.cat([scene.attention.unsqueeze(1), torch.from_numpy(masks).to(scene.after)], 1),
        )

    def __call__(
        self, codes: torch.Tensor, outcomes: torch.Tensor, masks: torch.Tensor
    ) -> torch.Tensor:
        """Return the losses (C,) of codes (C, 2W)."""
        config, scene, width = self.config, self.scene, codes.shape[1] // 2
        count = outcomes.shape[1]
        each = codes.repeat_interleave(self.shots, dim=0)
        moved = scene.repeat(count)._replace(after=outcomes.flatten(0, 1))
        conditioning = self.network.condition(each[:, :width], ACTION).repeat(count)
        residual = self.network(moved, moved.attention.unsqueeze(1), conditioning)
        norms = norm_of(residual[:, 0]).unflatten(0, (-1, count))
        never = torch.zeros_like(norms, dtype=torch.bool)
        contrast = info_nce(norms.square(), never, config.temperature)
        action = self._acts * (0.3 * contrast + norms[:, 0] / config.data_scale)

        conditioning = self.network.condition(each[:, width:], ARGUMENT)
        norms = norm_of(self.network(scene, masks, conditioning))
        same = (masks == masks[:, :1]).all(dim=-1)
        contrast = info_nce(norms.square(), same, config.temperature)
        argument = self._attends * (contrast + norms[:, 0] / config.data_scale)
        return (action + argument).unflatten(0, (-1, self.shots)).mean(dim=1)


def infer_codes(
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    scene: Scene,
    shots: int,
    config: InferenceConfig,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    """Infer the codes of C concepts from M demonstrations each.

    Args:
        network: the energy.
        encoder: the first guess.
        scene: C * M demonstrations, those of one concept in a row.
        shots: M.
        config: the method and its numbers.
        rng: of candidates and restarts.

    Returns:
        Codes (C, 2W), action half first, and one report per concept.
    """
    concepts = scene.num_events // shots
    if config.method == 'gradient':
        return _from_nothing(network, scene, shots, config, rng)
    with torch.no_grad():
        guess = encoder(scene, scene.after.new_ones(concepts, shots))
    if config.method == 'encoder' or config.steps == 0:
        return guess, [{'method': 'encoder'} for _ in range(concepts)]
    loss = DemonstrationLoss(network, scene, shots, config, rng)
    with torch.no_grad():
        judges = [loss.candidates() for _ in range(2)]
        before = _judge(loss, guess, judges)
    codes = _descend(loss, guess, guess, config.steps, config.learning_rate, config.proximity)
    with torch.no_grad():
        after = _judge(loss, codes, judges)
    better = after < before
    final = torch.where(better[:, None], codes, guess)
    return final, [
        {
            'method': 'both' if better[row] else 'encoder',
            'loss_of_guess': before[row].item(),
            'loss_of_refined': after[row].item(),
        }
        for row in range(concepts)
    ]


def _judge(
    loss: DemonstrationLoss,
    codes: torch.Tensor,
    candidates: list[tuple[torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    return torch.stack([loss(codes, *drawn) for drawn in candidates]).mean(dim=0)


def _descend(
    loss: DemonstrationLoss,
    start: torch.Tensor,
    anchor: torch.Tensor,
    steps: int,
    rate: float,
    proximity: float,
) -> torch.Tensor:
    codes = start.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([codes], lr=rate, betas=(0.8, 0.98))
    width = codes.shape[1] // 2
    for step in range(steps):
        optimiser.param_groups[0]['lr'] = rate * (1 - step / steps)
        with torch.enable_grad():
            value = loss(codes, *loss.candidates())
            value = value + proximity * (codes - anchor).square().mean(dim=1)
            (codes.grad,) = torch.autograd.grad(value.sum(), codes)
        optimiser.step()
    return normalise_code(codes.detach(), width)


def _from_nothing(
    network: EnergyNetwork,
    scene: Scene,
    shots: int,
    config: InferenceConfig,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    concepts = scene.num_events // shots
    width = network.config.code_width
    loss = DemonstrationLoss(network, scene, shots, config, rng)
    with torch.no_grad():
        judges = [loss.candidates() for _ in range(2)]
    best = scene.after.new_zeros(concepts, 2 * width)
    lowest = scene.after.new_full((concepts,), torch.inf)
    for _ in range(config.restarts):
        random = torch.from_numpy(rng.standard_normal((concepts, 2 * width))).to(scene.after)
        start = normalise_code(random, width)
        codes = _descend(loss, start, start, config.gradient_steps, config.gradient_rate, 0.0)
        with torch.no_grad():
            value = _judge(loss, codes, judges)
        better = value < lowest
        lowest = torch.where(better, value, lowest)
        best = torch.where(better[:, None], codes, best)
    return best, [{'method': 'gradient', 'loss': lowest[row].item()} for row in range(concepts)]
