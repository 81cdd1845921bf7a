"""The trained model and its operations: infer, generate, identify, evaluate, recognise."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.inference.code_inference import InferenceConfig, infer_codes
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import ACTION, ARGUMENT, EnergyNetwork
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.energy.search.generation import (
    STATES_AT_ONCE,
    generate_outcomes,
    lowest_attention,
)
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.energy.storage import load_model, save_model
from concept_control.errors import CodeError, EventError, ModelError
from concept_control.world.events import Events


class ConceptModel:
    """A trained energy with its encoder.

    Args:
        network: Energy network.
        encoder: Encoder of demonstrations.
        card: Facts about the model: families, seed, commit, metrics.
        device: Device of all computations.
    """

    def __init__(
        self,
        network: EnergyNetwork,
        encoder: DemonstrationEncoder,
        card: dict[str, Any] | None = None,
        device: str | torch.device = 'cpu',
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.encoder = encoder.to(self.device).eval()
        for module in (network, encoder):
            module.requires_grad_(False)
        self.card: dict[str, Any] = dict(card or {})

    @classmethod
    def load(
        cls, path: str | Path | None = None, device: str | torch.device = 'cpu'
    ) -> ConceptModel:
        """Load a model from a folder.

        Args:
            path: Folder of the model; None for the one shipped with the package.
            device: 'cpu', 'cuda' or 'auto' (cuda if available).

        Raises:
            ModelError: if the files are missing, damaged or of another schema, or the device is
                unavailable.
        """
        if str(device) == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        if str(device).startswith('cuda') and not torch.cuda.is_available():
            raise ModelError(f'device {device!s} was asked for, but there is no CUDA here')
        return cls(*load_model(path), device=device)

    def save(self, folder: str | Path) -> None:
        """Write the model and its card into a folder that `load` reads."""
        self.card = save_model(folder, self.network, self.encoder, self.card)

    def to(self, device: str | torch.device) -> ConceptModel:
        """Return a copy of the model on another device."""
        network, encoder = copy.deepcopy(self.network), copy.deepcopy(self.encoder)
        return ConceptModel(network, encoder, self.card, device)

    @property
    def code_size(self) -> int:
        """2W, the length of a code."""
        return 2 * self.network.config.code_width

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of the weights; codes are valid for the model they were inferred with."""
        digest = hashlib.sha256()
        for module in (self.network, self.encoder):
            for name, value in sorted(module.state_dict().items()):
                digest.update(name.encode())
                digest.update(value.detach().cpu().numpy().tobytes())
        return digest.hexdigest()[:12]

    def infer(
        self,
        demonstrations: Events,
        seed: int = 0,
        config: InferenceConfig | None = None,
    ) -> ConceptCode:
        """Infer the code of the one concept that all demonstrations show.

        Args:
            demonstrations: B events, typically 5 (1 works), with `subjects`, `attention` or both
                given; their order does not matter.
            seed: Seed of the refinement's candidates.
            config: Settings; by default the encoder's guess is refined by gradient descent.

        Raises:
            EventError: if neither subjects nor attention are given in any demonstration.
        """
        scene = scene_batch_from_events(demonstrations).to(self.device)
        if not ((scene.subjects > 0).any() or (scene.attention > 0).any()):
            raise EventError(
                'the demonstrations have neither subjects nor attention; expected at least one '
                'entity marked as moving or meant'
            )
        # Sorted, so that the result does not depend on their order.
        scene = scene.select(scene.after.sum(dim=(-1, -2)).argsort())
        codes, reports = infer_codes(
            self.network,
            self.encoder,
            scene,
            len(demonstrations),
            config or InferenceConfig(),
            np.random.default_rng(seed),
        )
        width = self.network.config.code_width
        info = {**reports[0], 'model': self.fingerprint, 'demonstrations': len(demonstrations)}
        return ConceptCode(codes[0, :width].cpu(), codes[0, width:].cpu(), info)

    def generate(
        self,
        scenes: Events,
        code: ConceptCode,
        seed: int = 0,
        config: LangevinConfig | None = None,
    ) -> Events:
        """Move the subjects to where the concept holds.

        Args:
            scenes: Scenes before (T = 1; of longer events the first state is taken), with
                `subjects` and, where the concept has arguments, `attention`.
            code: Code of the concept.
            seed: Seed of starts and noise.
            config: Settings of the search.

        Returns:
            Events of T = 2, before and after; only subjects have moved.

        Raises:
            EventError: if a scene has no subject.
            CodeError: if the code is of another size.
        """
        scene = scene_batch_from_events(scenes.before()).to(self.device)
        acts = (scene.subjects > 0).any(dim=-1)
        if not acts.all():
            row = int((~acts).nonzero()[0])
            raise EventError(f'scene {row} has no subject; expected at least one that may move')
        config = config or LangevinConfig()
        generator = torch.Generator().manual_seed(seed)
        positions, _ = generate_outcomes(
            self.network, scene, self.check_code(code), config, generator
        )
        return scenes.before().with_outcome(positions.to(scenes.device))

    def identify(self, scenes: Events, code: ConceptCode, seed: int = 0) -> torch.Tensor:
        """Find the entities that the concept is about.

        Args:
            scenes: Scenes before or after (T = 1 or more); their attention is ignored.
            code: Code of the concept.
            seed: Seed of the search in scenes of more than nine entities; in smaller ones every
                mask is evaluated.

        Returns:
            (B, N) masks of 0 and 1.

        Raises:
            CodeError: if the code is of another size.
        """
        scene = scene_batch_from_events(scenes).to(self.device)
        generator = torch.Generator().manual_seed(seed)
        masks, _ = lowest_attention(self.network, scene, self.check_code(code), generator)
        return masks[:, 0].to(scenes.device)

    def energy(self, events: Events, code: ConceptCode) -> torch.Tensor:
        """Return the energies (B,) >= 0 of events: that of the outcome plus that of the attention.

        Events without attention have the energy of their outcome alone.

        Raises:
            CodeError: if the code is of another size.
        """
        scene = scene_batch_from_events(events).to(self.device)
        with torch.no_grad():
            value = self.scene_energy(scene, self.check_code(code), events.has_attention is True)
        return value.to(events.device)

    def scene_energy(
        self, scene: SceneBatch, codes: torch.Tensor, has_attention: bool = True
    ) -> torch.Tensor:
        """Return the energies (B,) of scenes under codes (B, 2W) or (1, 2W), differentiable."""
        width = self.network.config.code_width
        parts = []
        for first in range(0, scene.num_events, STATES_AT_ONCE):
            rows = slice(first, first + STATES_AT_ONCE)
            part = scene.select(rows)
            code = codes if codes.shape[0] == 1 else codes[rows]
            value = self.network.energy(part, code[:, :width], ACTION)
            if has_attention:
                value = value + self.network.energy(part, code[:, width:], ARGUMENT)
            parts.append(value)
        return torch.cat(parts)

    def recognise(self, events: Events, codes: Sequence[ConceptCode]) -> torch.Tensor:
        """Return the index (B,) of the code of least energy for each event.

        Raises:
            CodeError: if there is no code, or one is of another size.
        """
        if not codes:
            raise CodeError('there is no code to choose from; expected at least one')
        energies = torch.stack([self.energy(events, code) for code in codes], dim=-1)
        return energies.argmin(dim=-1)

    def check_code(self, code: ConceptCode) -> torch.Tensor:
        """Return a code as a tensor (1, 2W) on the model's device.

        Raises:
            CodeError: if it is of another size.
        """
        if code.size != self.code_size:
            raise CodeError(
                f'the code has {code.size} numbers, the model expects {self.code_size}; infer it '
                f'again with this model ({self.fingerprint})'
            )
        return code.stacked().unsqueeze(0).to(self.device)
