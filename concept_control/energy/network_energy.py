"""The network's energy and its operations on batches of scenes: the papers' way."""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np
import torch

from concept_control.energy.code import ConceptCode, Terms
from concept_control.energy.inference.code_inference import InferenceConfig, infer_codes
from concept_control.energy.networks.energy_network import (
    ACTION,
    ARGUMENT,
    DemonstrationEncoder,
    EnergyNetwork,
)
from concept_control.energy.networks.recordings import network_residuals, recorded_residuals
from concept_control.energy.scene_batch import NAT, BoundResiduals, SceneBatch
from concept_control.energy.search.generation import (
    STATES_AT_ONCE,
    generate_outcomes,
    lowest_attention,
)
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.errors import CodeError


class NetworkEnergy:
    """E(x, a, w) by a trained network, after Mordatch.

    Args:
        network: Energy network.
        encoder: Encoder of demonstrations.
        config: Settings of the code inference.
        search: Settings of the search for outcomes.
    """

    name = 'network'

    def __init__(
        self,
        network: EnergyNetwork,
        encoder: DemonstrationEncoder,
        config: InferenceConfig | None = None,
        search: LangevinConfig | None = None,
    ) -> None:
        self.network, self.encoder = network, encoder
        self.config = config or InferenceConfig()
        self.search = search or LangevinConfig()
        self._width = network.config.code_width

    def to(self, device: torch.device) -> NetworkEnergy:
        """Move the network to a device and return it, fixed."""
        for module in (self.network, self.encoder):
            module.to(device).eval().requires_grad_(False)
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of the weights; codes are valid for the network they were inferred with."""
        digest = hashlib.sha256()
        for module in (self.network, self.encoder):
            for name, value in sorted(module.state_dict().items()):
                digest.update(name.encode())
                digest.update(value.detach().cpu().numpy().tobytes())
        return digest.hexdigest()[:12]

    def infer(self, scene: SceneBatch, seed: int) -> ConceptCode:
        """Infer the code of the one concept that all events show."""
        rng = np.random.default_rng(seed)
        codes, reports = infer_codes(
            self.network, self.encoder, scene, scene.num_events, self.config, rng
        )
        action, argument = codes[0].cpu().split(self._width)
        return ConceptCode(action, argument, info=reports[0])

    def generate(
        self, scene: SceneBatch, code: ConceptCode, generator: torch.Generator
    ) -> SceneBatch:
        """Return scenes that start at `before` as they should be then."""
        halves = self.check(code)
        after = generate_outcomes(self.network, scene, halves, self.search, generator)
        return scene._replace(after=after)

    def identify(
        self, scene: SceneBatch, code: ConceptCode, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the masks (B, N) of least energy."""
        return lowest_attention(self.network, scene, self.check(code), generator)

    def residual(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return the residuals (B, K) of outcomes, differentiable in the positions."""
        return self._residual(scene, self.check(code)[:, : self._width], ACTION)

    def implausibility(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return how implausible (B,) outcomes are [nats]; 0.1 from where it holds is one."""
        return self.residual(scene, code).square().sum(dim=-1) / NAT

    def argument_energy(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return the energies (B,) of the masks of scenes."""
        halves = self.check(code)[:, self._width :]
        return self._residual(scene, halves, ARGUMENT).square().sum(dim=-1)

    def mask_energies(
        self, one: SceneBatch, code: ConceptCode, masks: torch.Tensor
    ) -> torch.Tensor:
        """Return the energies (G,) of masks (G, N) of one scene."""
        return self.argument_energy(one.repeat(len(masks))._replace(attention=masks), code)

    def score(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return scores (B,) of how well a code explains events: minus their energies."""
        energy = self.residual(scene, code).square().sum(dim=-1)
        return -energy - self.argument_energy(scene, code)

    def _residual(self, scene: SceneBatch, halves: torch.Tensor, kind: float) -> torch.Tensor:
        conditioning = self.network.condition(halves, kind)
        parts = [
            self.network(part, part.attention.unsqueeze(1), conditioning)[:, 0]
            for part in scene.split(STATES_AT_ONCE)
        ]
        return torch.cat(parts)

    def bind(self, terms: Terms, is_recorded: bool = False) -> BoundResiduals:
        """Return the residuals of M terms as a function of scenes, all from one pass.

        Args:
            terms: Codes and what they are about.
            is_recorded: Whether it runs as a recording: quicker, without gradients.
        """
        halves = torch.cat([self.check(code) for code in terms.codes])
        with torch.no_grad():
            conditioning = self.network.condition(halves[:, : self._width], ACTION)
        run = recorded_residuals if is_recorded else network_residuals
        masks = terms.subjects.to(halves), terms.attention.to(halves)
        scenes_at_once = max(1, STATES_AT_ONCE // len(terms.codes))

        def residuals(scene: SceneBatch) -> list[torch.Tensor]:
            parts = [
                run(self.network, part, *masks, conditioning)
                for part in scene.split(scenes_at_once)
            ]
            return list(torch.cat(parts, dim=1).unbind(0))

        return residuals

    def bind_readings(
        self,
        terms: Terms,
        count: int,
        generator: torch.Generator,
        is_sum: bool = False,
        alternatives: int = 1,
    ) -> BoundResiduals:
        """Return what `bind` does, of several scenes the worst: the code is one reading."""
        bound = self.bind(terms)

        def residuals(scene: SceneBatch) -> list[torch.Tensor]:
            each = (residual.unflatten(0, (-1, alternatives)) for residual in bound(scene))
            return [residual.abs().amax(dim=1) for residual in each]

        return bound if alternatives == 1 else residuals

    def check(self, code: ConceptCode) -> torch.Tensor:
        """Return a code as a tensor (1, 2W) on the network's device.

        Raises:
            CodeError: if it is of another size.
        """
        if code.size != 2 * self._width:
            raise CodeError(
                f'the code has {code.size} numbers for the network, which expects '
                f'{2 * self._width}; infer it again with this model ({self.fingerprint})'
            )
        return code.stacked().unsqueeze(0).to(next(self.network.parameters()))
