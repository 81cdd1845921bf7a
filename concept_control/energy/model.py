"""The model and its operations: infer, generate, identify, evaluate, recognise."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.confidence import ConfidenceCurve
from concept_control.energy.agreement.scorer import load_scorer
from concept_control.energy.both_energy import BothEnergy
from concept_control.energy.code import ConceptCode
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import find_model, load_model
from concept_control.errors import CodeError, EventError, ModelError
from concept_control.world.events import Events

ENERGIES = ('agreement', 'network', 'both')
"""Energies that a model can compute: bounds on measurements, the papers' network, or both."""


class ConceptModel:
    """An energy of concepts and what is done with it.

    Args:
        energy_function: The energy and its operations on batches of scenes.
        card: Facts about the model: families, seed, commit, metrics.
        device: Device of all computations.
    """

    def __init__(
        self,
        energy_function: AgreementEnergy | NetworkEnergy,
        card: dict[str, Any] | None = None,
        device: str | torch.device = 'cpu',
    ) -> None:
        self.device = torch.device(device)
        self.energy_function = energy_function.to(self.device)
        self.card: dict[str, Any] = dict(card or {})

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        device: str | torch.device = 'cpu',
        energy: str = 'agreement',
    ) -> ConceptModel:
        """Load a model from a folder.

        Args:
            path: Folder of the model; None for the one shipped with the package.
            device: 'cpu', 'cuda' or 'auto' (cuda if available).
            energy: Energy to use, one of `ENERGIES`.

        Raises:
            ModelError: if the files are missing, damaged or of another schema, there is no such
                energy, or the device is unavailable.
        """
        if energy not in ENERGIES:
            raise ModelError(f'energy {energy!r}; expected one of {", ".join(ENERGIES)}')
        if str(device) == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        if str(device).startswith('cuda') and not torch.cuda.is_available():
            raise ModelError(f'device {device!s} was asked for, but there is no CUDA here')
        folder, card = find_model(path)
        if energy != 'agreement':
            # Beside the agreement, the encoder's guess must do: it is made once a demonstration.
            method = 'both' if energy == 'network' else 'encoder'
            network = NetworkEnergy(*load_model(path)[:2], InferenceConfig(method=method))
            if energy == 'network':
                return cls(network, card, device)
        scorer, curve = load_scorer(folder), ConfidenceCurve.load(folder)
        if energy == 'both':
            return cls(BothEnergy(scorer, curve, network), card, device)
        return cls(AgreementEnergy(scorer, curve), card, device)

    def to(self, device: str | torch.device) -> ConceptModel:
        """Return a copy of the model on another device."""
        return ConceptModel(copy.deepcopy(self.energy_function), self.card, device)

    @cached_property
    def fingerprint(self) -> str:
        """Short text; codes are valid for models of the same."""
        return self.energy_function.fingerprint

    def infer(self, demonstrations: Events, seed: int = 0) -> ConceptCode:
        """Infer the code of the one concept that all demonstrations show.

        Args:
            demonstrations: B events, typically 5 (1 works), with `subjects`, `attention` or both
                given; their order does not matter.
            seed: Seed of what the demonstrations are compared with.

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
        code = self.energy_function.infer(scene, seed)
        code.info.update(model=self.fingerprint, demonstrations=len(demonstrations))
        return code

    def generate(self, scenes: Events, code: ConceptCode, seed: int = 0) -> Events:
        """Move the subjects to where the concept holds.

        Args:
            scenes: Scenes before (T = 1; of longer events the first state is taken), with
                `subjects` and, where the concept has arguments, `attention`.
            code: Code of the concept.
            seed: Seed of the search.

        Returns:
            Events of T = 2, before and after; only subjects have moved.

        Raises:
            EventError: if a scene has no subject.
            CodeError: if the code is none of this model's, or says nothing of where things go.
        """
        scene = scene_batch_from_events(scenes.before()).to(self.device)
        acts = (scene.subjects > 0).any(dim=-1)
        if not acts.all():
            row = int((~acts).nonzero()[0])
            raise EventError(f'scene {row} has no subject; expected at least one that may move')
        generator = torch.Generator().manual_seed(seed)
        found = self.energy_function.generate(scene, code, generator)
        bottoms = found.bottoms.to(scenes.device) if found.is_stacked else None
        return scenes.before().with_outcome(found.after.to(scenes.device), bottoms)

    def identify(self, scenes: Events, code: ConceptCode, seed: int = 0) -> torch.Tensor:
        """Find the entities that the concept is about.

        Args:
            scenes: Scenes before or after (T = 1 or more); their attention is ignored.
            code: Code of the concept.
            seed: Seed of the search in scenes where not every mask is evaluated.

        Returns:
            (B, N) masks of 0 and 1.

        Raises:
            CodeError: if the code is none of this model's.
        """
        generator = torch.Generator().manual_seed(seed)
        return self._of(scenes, self.energy_function.identify, code, generator)

    def confidence(self, scenes: Events, code: ConceptCode) -> torch.Tensor:
        """Return the confidence (B,) in what `identify` finds in scenes, in [0, 1].

        How sure it is where things go depends on no scene: `ConceptCode.confidence`.

        Raises:
            CodeError: if the code is none of this model's, or the network's, which does not know.
        """
        if not isinstance(self.energy_function, AgreementEnergy):
            raise CodeError('the network does not know how sure its codes are')
        return self._of(scenes, self.energy_function.confidence, code)

    def energy(self, events: Events, code: ConceptCode) -> torch.Tensor:
        """Return the energies (B,) >= 0 of events: that of the outcome plus that of the attention.

        Events without attention have the energy of their outcome alone.

        Raises:
            CodeError: if the code is none of this model's.
        """
        value = self.action_energy(events, code)
        if events.has_attention:
            value = value + self.argument_energy(events, code)
        return value

    def action_energy(self, events: Events, code: ConceptCode) -> torch.Tensor:
        """Return the energies (B,) of the events' outcomes, about squared distances.

        Raises:
            CodeError: if the code is none of this model's.
        """
        residual = self._of(events, self.energy_function.residual, code)
        return residual.square().sum(dim=-1)

    def implausibility(self, events: Events, code: ConceptCode) -> torch.Tensor:
        """Return how implausible (B,) the events' outcomes are [nats].

        Raises:
            CodeError: if the code is none of this model's.
        """
        return self._of(events, self.energy_function.implausibility, code)

    def argument_energy(self, events: Events, code: ConceptCode) -> torch.Tensor:
        """Return the energies (B,) of the events' attention.

        Raises:
            CodeError: if the code is none of this model's.
        """
        return self._of(events, self.energy_function.argument_energy, code)

    def explain(self, code: ConceptCode) -> list[str]:
        """Return what a code says in sentences, the most certain first.

        Raises:
            CodeError: if the code is none of this model's, or the model's cannot be put in words.
        """
        if not isinstance(self.energy_function, AgreementEnergy):
            raise CodeError('the network cannot say what its codes mean; use energy="agreement"')
        return self.energy_function.explain(code)

    def propose(self, scenes: Events, code: ConceptCode, seed: int = 0) -> Events:
        """Return the outcomes that would decide between the readings of a code.

        Args:
            scenes: Scenes before, with `subjects` and `attention`.
            code: Code of a concept that places one subject.
            seed: Seed of the places that are compared.

        Returns:
            Events of T = 2: shown as examples or refused, half of the readings fall away.

        Raises:
            CodeError: if the code leaves no doubt about a place, or is none of this model's.
        """
        if not isinstance(self.energy_function, AgreementEnergy):
            raise CodeError('the network has no readings to choose from; use energy="agreement"')
        before, generator = scenes.before(), torch.Generator().manual_seed(seed)
        return before.with_outcome(self._of(before, self.energy_function.propose, code, generator))

    def recognise(self, events: Events, codes: Sequence[ConceptCode]) -> torch.Tensor:
        """Return the index (B,) of the code that explains each event best.

        Raises:
            CodeError: if there is no code, or one is none of this model's.
        """
        if not codes:
            raise CodeError('there is no code to choose from; expected at least one')
        scores = [self._of(events, self.energy_function.score, code) for code in codes]
        return torch.stack(scores, dim=-1).argmax(dim=-1)

    def _of(
        self, events: Events, function: Callable[..., torch.Tensor], *more: Any
    ) -> torch.Tensor:
        """Return what a function finds in events, without gradients, on their device."""
        with torch.no_grad():
            scene = scene_batch_from_events(events).to(self.device)
            return function(scene, *more).to(events.device)
