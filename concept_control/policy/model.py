"""A trained stroke policy: the energy of steps, and what is needed to draw with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from concept_control.errors import ModelError
from concept_control.input_files import check_fields
from concept_control.model_files import read_card, read_config, read_modules, write_model
from concept_control.policy.network import PolicyConfig, PolicyEnergy
from concept_control.policy.samplers import ModeKeeping, Sampler
from concept_control.policy.strokes import Strokes

SHIPPED_POLICIES = Path(__file__).resolve().parent.parent / 'models' / 'policy'
"""Folder of the policies shipped with the package."""


Point = tuple[float, float]


@dataclass(frozen=True)
class PolicyFacts:
    """What a card says of a policy beside its network; the attributes are `StrokePolicy`'s."""

    name: Annotated[str, Field(max_length=200)]
    step_length: Annotated[float, Field(gt=0, le=10)]
    num_steps: Annotated[int, Field(ge=1, le=10_000)]
    is_closed: bool
    center: Point
    first_steps: Annotated[list[Point], Field(max_length=10_000)] | None = None


def shipped_names() -> list[str]:
    """List the figures whose policies are shipped."""
    names = (path.stem for path in SHIPPED_POLICIES.glob('*.json') if path.stem != 'any')
    return sorted(names)


def save_policy(policy: StrokePolicy, path: str | Path) -> Path:
    """Write `path`.safetensors and its card `path`.json; return the card's path."""
    facts = {name: getattr(policy, name) for name in PolicyFacts.__dataclass_fields__}
    facts |= {name: v.tolist() for name, v in facts.items() if isinstance(v, np.ndarray)}
    return save_network(policy.network, {**facts, **policy.card}, path)


def load_policy(source: str | Path) -> StrokePolicy:
    """Read a policy by the name of a shipped one or by the path of its card.

    Raises:
        ModelError: if it is missing, of another schema, damaged, or not what its card says.
    """
    path = Path(source)
    if path.suffix != '.json':
        path = SHIPPED_POLICIES / f'{source}.json'
        if path not in SHIPPED_POLICIES.glob('*.json'):
            raise ModelError(
                f'no policy named {str(source)!r:.100}; shipped: {", ".join(shipped_names())}; or '
                'give the path of a card written by `concept_control policy train`'
            )
    network, card = load_network(path)
    known = {name: card[name] for name in PolicyFacts.__dataclass_fields__ if name in card}
    facts = check_fields(PolicyFacts, known, path, ModelError)
    config = network.config
    if config.is_coded or (config.state_size, config.action_size) != (2, 2):
        raise ModelError(
            f'{path} is for codes, or states and steps that are no points; expected a policy of '
            'one figure'
        )
    places = {
        'center': np.array(facts.center),
        'first_steps': np.array(facts.first_steps) if facts.first_steps else None,
    }
    return StrokePolicy(network=network, card=card, **{**vars(facts), **places})


def save_network(network: PolicyEnergy, facts: dict[str, Any], path: str | Path) -> Path:
    """Write an energy's weights `path`.safetensors and its card `path`.json; return the latter."""
    card = Path(path).with_suffix('.json')
    facts = {**facts, 'network': network.config.to_dict()}
    write_model(card.with_suffix('.safetensors'), card, {'network': network}, facts)
    return card


def load_network(card_path: Path) -> tuple[PolicyEnergy, dict[str, Any]]:
    """Read an energy and its card.

    Raises:
        ModelError: if one is missing, unreadable, of another schema or does not fit the other.
    """
    card = read_card(card_path)
    config = read_config(PolicyConfig, card, card_path)

    def build() -> dict[str, PolicyEnergy]:
        return {'network': PolicyEnergy(config)}

    network: Any = read_modules(card_path.with_suffix('.safetensors'), card, build)['network']
    return network.eval().requires_grad_(False), card


@dataclass
class StrokePolicy:
    """The policy of one figure, π(a | x) ∝ exp(−E(x, a)); lengths in sizes of the figure.

    Attributes:
        network: Energy of states in sizes of the figure and steps in step lengths.
        step_length: Length of a step.
        num_steps: Number T of steps of a whole stroke.
        is_closed: Whether a stroke ends where it starts.
        center: (2,) middle of the figure; strokes start at the origin.
        name: Name of the figure.
        code: (1, c) code of the figure, where one network draws many.
        first_steps: (F, 2) first steps of the demonstrations, in step lengths; None if unknown.
            At a corner, or where a stroke ends as it starts, the place alone does not tell them.
        card: Facts about the training.
    """

    network: PolicyEnergy
    step_length: float
    num_steps: int
    is_closed: bool
    center: np.ndarray
    name: str = 'stroke'
    code: torch.Tensor | None = None
    first_steps: np.ndarray | None = None
    card: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_figure(
        cls,
        strokes: Strokes,
        network: PolicyEnergy,
        card: dict[str, Any],
        code: torch.Tensor | None = None,
    ) -> StrokePolicy:
        """Return the policy of the figure that strokes demonstrate."""
        shared = ('step_length', 'num_steps', 'is_closed', 'center', 'name')
        facts = {name: getattr(strokes, name) for name in shared}
        first = strokes.actions[:, 0]
        return cls(network=network, code=code, first_steps=first, card=card, **facts)

    def codes(self, batch: int) -> torch.Tensor | None:
        """Return the code once for each of a batch, (batch, c); None where there is none."""
        return None if self.code is None else self.code.expand(batch, -1)

    def sampler(self, seed: int = 0) -> ModeKeeping:
        """Return a sampler that keeps modes from the demonstrated start on."""
        return ModeKeeping(seed=seed, first_steps=self.first_steps)

    def rollout(
        self,
        starts: np.ndarray | None = None,
        sampler: Sampler | None = None,
        num_steps: int | None = None,
    ) -> np.ndarray:
        """Draw strokes by taking step after step.

        Args:
            starts: (B, 2) starts of the strokes; None for one at the origin.
            sampler: Sampler that chooses the steps; None for that of `sampler`.
            num_steps: Number T of steps; None for as many as were demonstrated.

        Returns:
            (B, T + 1, 2) positions.
        """
        sampler = sampler or self.sampler()
        sampler.restart()
        starts = np.zeros((1, 2)) if starts is None else np.asarray(starts, dtype=float)
        positions = [torch.as_tensor(starts, dtype=torch.float32)]
        codes = self.codes(len(starts))
        for _ in range(self.num_steps if num_steps is None else num_steps):
            step = sampler(self.network, positions[-1], codes)
            positions.append(positions[-1] + self.step_length * step.detach())
        return torch.stack(positions, dim=1).numpy().astype(float)
