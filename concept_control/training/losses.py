"""Loss of a batch of concepts: energies of outcomes and masks, and the encoder's codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from concept_control.concepts.family import TOKEN_VALUES
from concept_control.energy.inference.objectives import (
    denoising,
    distance_loss,
    info_nce,
    kl_sampler,
    mask_loss,
    norm_of,
    softplus_contrast,
)
from concept_control.energy.networks.energy_network import (
    ACTION,
    ARGUMENT,
    DemonstrationEncoder,
    EnergyConditioning,
    EnergyNetwork,
    normalise_code,
)
from concept_control.energy.scene_batch import SceneBatch
from concept_control.training.config import TrainingConfig
from concept_control.training.pool import ConceptBatch

_WIDTH = 96
"""Width of the hidden layer."""


class TokenEmbedding(nn.Module):
    """Embed a set of typed tokens with values into a code.

    Args:
        num_types: Number of token types over all families.
        code_width: Length W of each half of a code.
    """

    def __init__(self, num_types: int, code_width: int) -> None:
        super().__init__()
        self.code_width = code_width
        self.kind = nn.Embedding(num_types, _WIDTH)
        # One matrix of values per type: a family's parameters mean nothing to another family.
        self.values = nn.Parameter(torch.randn(num_types, TOKEN_VALUES, _WIDTH))
        self.mix = nn.Linear(_WIDTH, _WIDTH)
        self.linear = nn.Linear(_WIDTH, 2 * code_width)
        self.deep = nn.Linear(_WIDTH, 2 * code_width)

    def forward(self, types: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return codes (C, 2W).

        Args:
            types: (C, K) token types, negative where there is no token.
            values: (C, K, V) token values, about unit scale.
        """
        here = (types >= 0).to(values.dtype).unsqueeze(-1)
        index = types.clamp(min=0)
        token = self.kind(index) + torch.einsum('ckv,ckvh->ckh', values, self.values[index])
        total = (token * here).sum(dim=1)
        deep = (functional.silu(self.mix(token)) * here).sum(dim=1)
        return normalise_code(self.linear(total) + self.deep(deep), self.code_width)


_HOLDS_WITHIN = 0.02
_UNUSED_WEIGHT = 0.1
_RECOGNITION_CHOICES = 3
_MASK_TEMPERATURE = 0.1
_DENOISED, _CHAINS, _STEPS = 6, 4, 3
"""Displaced copies of an event; chains of the KL term and their steps."""

STATIC_SHARE = 0.15
"""Share of concepts, of those that hold without motion, shown to the encoder as static scenes."""

_CODE_SCALE = 2e-3
_CODE_PRECISION = 0.03


class Learner(nn.Module):
    """Networks that are trained together: energy, encoder and privileged embedding.

    Args:
        config: Sizes of the networks and weights of the losses.
        num_types: Number of token types.
    """

    def __init__(self, config: TrainingConfig, num_types: int) -> None:
        super().__init__()
        self.config = config
        self.network = EnergyNetwork(config.network)
        self.encoder = DemonstrationEncoder(config.network)
        self.embedding = TokenEmbedding(num_types, config.network.code_width)

    def forward(
        self, batch: ConceptBatch, phase: Phase, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Return the losses of a batch by name, with 'total' their weighted sum.

        Args:
            batch: C concepts.
            phase: Origin of the codes at this point of the run.
            generator: Random generator of shots, code choice and noise.
        """
        config = self.config
        privileged = self.embedding(batch.types, batch.values)
        guess = self.guess(batch, generator)
        code_error = (guess - privileged.detach()).square().mean(dim=-1)
        take_guess = torch.rand(len(batch), 1, generator=generator) < phase.encoder_share
        codes = torch.where(take_guess, guess, privileged)
        if phase.noise > 0:
            noise = phase.noise * torch.randn(codes.shape, generator=generator)
            codes = normalise_code(codes + noise, config.network.code_width)
        losses = {'code': code_error.mean()}
        total = config.code_weight * code_loss(code_error)
        losses |= self.test_losses(batch, codes, phase, generator)
        total = total + losses.get('outcome', 0.0) + losses.get('mask', 0.0)
        if config.recognition_weight > 0 and len(batch) > 1:
            losses['recognition'] = self._recognition_loss(batch, codes, generator)
            total = total + config.recognition_weight * losses['recognition']
        losses['total'] = total
        return losses

    def guess(self, batch: ConceptBatch, generator: torch.Generator) -> torch.Tensor:
        """Return the encoder's codes (C, 2W) from 1, 5 or any number of demonstrations."""
        concepts = len(batch)
        available = batch.demonstrations.num_events // concepts
        draw = torch.randint(0, 3, (concepts,), generator=generator)
        number = torch.tensor([1, 5, 0])[draw]
        anything = torch.randint(1, available + 1, (concepts,), generator=generator)
        number = torch.where(number == 0, anything, number).clamp(max=available)
        most = int(number.max())
        rows = (torch.arange(concepts)[:, None] * available + torch.arange(most)).flatten()
        weights = (torch.arange(most) < number[:, None]).float()
        shown = batch.demonstrations.select(rows)
        hide = (torch.rand(concepts, generator=generator) < STATIC_SHARE) & (batch.static > 0)
        before = torch.where(
            hide.repeat_interleave(most)[:, None, None], shown.after, shown.before
        )
        return self.encoder(shown._replace(before=before), weights)

    def test_losses(
        self, batch: ConceptBatch, codes: torch.Tensor, phase: Phase, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        """Return the losses of codes (C, 2W) in the test scenes: 'outcome', 'mask' and parts."""
        losses: dict[str, torch.Tensor] = {}
        if self.config.operations != 'identify':
            losses |= self._outcome_losses(batch, codes, phase, generator)
        if self.config.operations != 'generate':
            losses |= self._mask_losses(batch, codes, generator)
        return losses

    def _residual(
        self, scene: SceneBatch, conditioning: EnergyConditioning, place: torch.Tensor
    ) -> torch.Tensor:
        """Return the residuals (B, K) of outcomes with last positions (B, N, 2)."""
        moved = scene._replace(after=place)
        return self.network(moved, moved.attention.unsqueeze(1), conditioning)[:, 0]

    def _action(self, codes: torch.Tensor, count: int) -> EnergyConditioning:
        """Return the conditioning by the action halves of codes (C, 2W), each so many times."""
        width = self.config.network.code_width
        return self.network.condition(codes[:, :width], ACTION).repeat(count)

    def _outcome_losses(
        self, batch: ConceptBatch, codes: torch.Tensor, phase: Phase, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        config, count = self.config, batch.outcomes.shape[1]
        places = batch.outcomes.flatten(0, 1)
        residual = self._residual(batch.tests.repeat(count), self._action(codes, count), places)
        norms = norm_of(residual).unflatten(0, (-1, count))
        energies = norms.square()
        judged = batch.generates
        holds = batch.distances <= _HOLDS_WITHIN
        data = energies[..., 0] / config.temperature
        if config.objective == 'distance':
            value = distance_loss(norms, batch.distances, floor=phase.floor).mean(dim=-1)
            contrast = info_nce(energies, holds, config.temperature)
            value = value + config.nce_weight * contrast
        elif config.objective == 'nce':
            value = info_nce(energies, holds, config.temperature) + 0.1 * data
            slope = self._denoising_loss(batch, codes, generator)
            value = value + config.denoising_weight * slope
        else:
            value = softplus_contrast(energies, holds, config.temperature)
        weight = judged + _UNUSED_WEIGHT * (1 - judged)
        value = torch.where(judged > 0, value, data)
        if config.kl_weight > 0:
            value = value + config.kl_weight * judged * self._kl_loss(batch, codes, generator)
        return {
            'outcome': (weight * value).mean(),
            'data': _judged_mean(energies[..., 0], judged),
            'random': _judged_mean(energies[..., 1:].mean(dim=-1), judged),
        }

    def _denoising_loss(
        self, batch: ConceptBatch, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Denoise the gradient; (C,). Concepts with many solutions only at small scales."""
        many, count = batch.tests.repeat(_DENOISED), _DENOISED
        several = (batch.tests.subjects.sum(dim=-1) > 1.5).float()
        span = 3.9 - 2.2 * several.repeat_interleave(count)
        draw = torch.rand(many.num_events, generator=generator)
        scale = torch.exp(draw * span - 3.9)[:, None, None]
        gate = many.subjects.unsqueeze(-1)
        shift = scale * gate * torch.randn(many.after.shape, generator=generator)
        place = (many.after + shift).requires_grad_(True)
        residual = self._residual(many, self._action(codes, count), place)
        (gradient,) = torch.autograd.grad(residual.square().sum(), place, create_graph=True)
        return denoising(gradient, shift, many.subjects).unflatten(0, (-1, count)).mean(dim=-1)

    def _kl_loss(
        self, batch: ConceptBatch, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """KL term through a short differentiable Langevin chain; (C,)."""
        many = batch.tests.repeat(_CHAINS)
        gate = many.subjects.unsqueeze(-1)
        start = 2 * torch.rand(many.after.shape, generator=generator) - 1
        place = many.after * (1 - gate) + start * gate
        conditioning = self._action(codes, _CHAINS)

        def energy(at: torch.Tensor) -> torch.Tensor:
            return self._residual(many, conditioning, at).square().sum(dim=-1)

        for _ in range(_STEPS):
            place = place.requires_grad_(True)
            (slope,) = torch.autograd.grad(energy(place).sum(), place, create_graph=True)
            noise = 0.02 * torch.randn(place.shape, generator=generator)
            place = place - (0.3 * slope).clamp(-0.2, 0.2) * gate + noise * gate
        self.network.requires_grad_(False)
        # From here on the energy is a judge of the samples and is not trained itself.
        conditioning = conditioning.detach()
        frozen = energy(place)
        self.network.requires_grad_(True)
        samples = (place * gate).flatten(1).unflatten(0, (-1, _CHAINS))
        return kl_sampler(frozen.unflatten(0, (-1, _CHAINS)), samples, self.config.temperature)

    def _mask_losses(
        self, batch: ConceptBatch, codes: torch.Tensor, generator: torch.Generator
    ) -> dict[str, torch.Tensor]:
        config = self.config
        width = config.network.code_width
        tests = forget_members(batch.tests, generator)
        conditioning = self.network.condition(codes[:, width:], ARGUMENT)
        norms = norm_of(self.network(tests, batch.masks, conditioning))
        judged = batch.identifies
        contrast = info_nce(norms, batch.holds, _MASK_TEMPERATURE)
        if config.objective == 'softplus':
            value = softplus_contrast(norms.square(), batch.holds, config.temperature)
        else:
            value = mask_loss(norms, batch.holds, batch.flips)
            value = value[..., 0] + value[..., 1:].mean(dim=-1) + 0.5 * contrast
        value = torch.where(judged > 0, value, norms[..., 0].square() / config.temperature)
        weight = judged + _UNUSED_WEIGHT * (1 - judged)
        return {
            'mask': (weight * value).mean(),
            'mask_contrast': _judged_mean(contrast, judged),
        }

    def _recognition_loss(
        self, batch: ConceptBatch, codes: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Tell each concept's event from codes of some others in the batch."""
        concepts = len(batch)
        width = self.config.network.code_width
        choices = min(_RECOGNITION_CHOICES, concepts)
        shift = torch.arange(choices) * (1 + int(torch.randint(0, 2, (), generator=generator)))
        index = (torch.arange(concepts)[:, None] + shift) % concepts
        many = batch.tests.repeat(choices)
        each = codes[index.flatten()]
        energy = self.network.energy(many, each[:, :width], ACTION)
        energy = energy + self.network.energy(many, each[:, width:], ARGUMENT)
        logits = -energy.clamp(max=20.0).unflatten(0, (concepts, choices)) / 0.2
        return nn.functional.cross_entropy(logits, torch.zeros(concepts, dtype=torch.long))


@dataclass(frozen=True)
class Phase:
    """Origin of the codes at a point of the run.

    Attributes:
        encoder_share: Share of concepts that take the encoder's code, the rest privileged.
        noise: Standard deviation of noise on all codes.
        floor: Error of the distance loss that counts as one unit at zero distance.
    """

    encoder_share: float
    noise: float
    floor: float = 0.1


def _judged_mean(values: torch.Tensor, judged: torch.Tensor) -> torch.Tensor:
    """Return the mean of values (C,) over the concepts that are judged, (C,) 0 or 1."""
    return (judged * values).sum() / (judged.sum() + 1e-6)


def forget_members(tests: SceneBatch, generator: torch.Generator) -> SceneBatch:
    """Forget the subjects in half of the events whose subjects are the attended ones.

    In a shape every member is subject and attended; with the subjects given there would be
    nothing left to identify.
    """
    members = (tests.subjects * tests.attention).sum(dim=-1) > 0
    drop = members & (torch.rand(tests.num_events, generator=generator) < 0.5)
    return tests._replace(subjects=tests.subjects * (~drop[:, None]).float())


def code_loss(error: torch.Tensor) -> torch.Tensor:
    """Return the loss, a scalar, of codes' mean squared errors (C,)."""
    # The logarithm keeps precise codes worth making more precise.
    return error.mean() + _CODE_PRECISION * (error / _CODE_SCALE).log1p().mean()
