"""Composed goals: several concepts over one scene as one energy.

A goal is a program in postfix order. Each term pushes its weighted energy; `and` adds (a product
of densities), `or` takes the soft minimum -T logsumexp(-E/T) (a mixture of densities), clipped at
zero, `not` the bounded complement that vanishes where the concept clearly does not hold. Every
energy is kept as a residual whose squared norm it is, so that the whole goal has a positive
semi-definite Gauss-Newton Hessian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.energy.network import ACTION, EnergyConditioning
from concept_control.energy.sampling import SamplerConfig, descend, scatter_starts
from concept_control.energy.scene import NUM_MOTION_FEATURES, Scene, scene_of
from concept_control.errors import CommandError, EventError
from concept_control.events import Events

OR_TEMPERATURE = 0.02
"""T of the soft minimum: energies closer than this are taken for equal."""

NOT_MARGIN = 0.2
"""Energy from which on a concept clearly does not hold."""

CLEARANCE = 1.3
"""Smallest distance of two bodies' centres over their mean side: squares side by side, turned."""

BORDER = 0.97
"""Bodies are kept inside this share of the workspace."""

BODY_WEIGHT = 6.0
"""Factor on the squared overlaps of bodies with each other and with the border."""

FREEZE_RATIO = 1.5
"""An entity is left where it is if that raises the solution's energy by no more than this."""

STATES_AT_ONCE = 128
"""States evaluated together; a chunk that fits the cache is several times faster."""

OPERATORS = ('and', 'or', 'not')


@dataclass(frozen=True)
class Operator:
    """Joins the energies before it: `and` and `or` take `arity` of them, `not` takes one."""

    name: str
    arity: int

    def __post_init__(self) -> None:
        if self.name not in OPERATORS:
            raise CommandError(f'operator {self.name!r}; allowed: {", ".join(OPERATORS)}')
        if self.arity < 1 or (self.name == 'not' and self.arity != 1):
            raise CommandError(f'operator {self.name} cannot take {self.arity} energies')


@dataclass(frozen=True)
class GroundedTerm:
    """A concept bound to entities.

    Attributes:
        name: of the concept, for people.
        code: its code; the action half is what must hold.
        subjects: (N,) bool.
        attention: (N,) in [0, 1].
        weight: factor on the energy, > 0.
    """

    name: str
    code: ConceptCode
    subjects: torch.Tensor
    attention: torch.Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Solution:
    """An arrangement in which a goal holds, as far as one was found.

    Attributes:
        positions: (N, 2) workspace units.
        energy: of the goal there, without the terms that keep bodies apart.
        converged: whether the energy and the overlaps came down to the tolerance.
        moved: (N,) bool, which entities are elsewhere than before.
    """

    positions: np.ndarray
    energy: float
    converged: bool
    moved: np.ndarray


class GoalEnergy:
    """The energy of a composed goal.

    Args:
        model: whose network computes.
        program: postfix sequence of terms and operators that leaves one energy.

    Raises:
        CommandError: if the program does not leave exactly one energy, or masks differ in length.
        CodeError: if a code does not fit the model.
    """

    def __init__(self, model: ConceptModel, program: Sequence[GroundedTerm | Operator]) -> None:
        self._model = model
        self._program = tuple(program)
        terms = [element for element in program if isinstance(element, GroundedTerm)]
        lengths = {len(t.subjects) for t in terms} | {len(t.attention) for t in terms}
        if len(lengths) > 1:
            raise CommandError(f'the terms have masks of different lengths: {sorted(lengths)}')
        _check_postfix(self._program)
        self.num_entities = lengths.pop()
        self.subjects = torch.stack([torch.as_tensor(t.subjects).bool() for t in terms]).any(0)
        self._conditioning = [
            None if isinstance(e, Operator) else self._condition(e) for e in self._program
        ]

    def value(self, events: Events) -> torch.Tensor:
        """Return the energies (B,) >= 0 of the events' last states.

        The events' own masks are not looked at: the terms carry theirs.
        """
        scene = scene_of(events).to(self._model.device)
        with torch.no_grad():
            return self._energy(scene, scene.after).to(events.device)

    def residual_evaluator(self) -> ResidualEvaluator:
        """Return the evaluator that control uses: numpy in and out, no gradients."""
        return ResidualEvaluator(self)

    def solve(
        self,
        events: Events,
        movable: torch.Tensor,
        seed: int = 0,
        config: SamplerConfig | None = None,
    ) -> Solution:
        """Find an arrangement in which the goal holds, by moving few entities a short way.

        Args:
            events: one static scene (B = 1, T = 1).
            movable: (N,) bool, entities that may move.
            seed: of starts and noise.
            config: the sampler's schedule.

        Raises:
            EventError: for more than one scene, or masks that do not fit.
        """
        if len(events) != 1 or events.num_entities != self.num_entities:
            raise EventError(
                f'{len(events)} scenes of {events.num_entities} entities; expected one of '
                f'{self.num_entities}'
            )
        movable = torch.as_tensor(movable).bool()
        if movable.shape != (self.num_entities,):
            raise EventError(
                f'movable has shape {tuple(movable.shape)}; expected ({self.num_entities},)'
            )
        config = config or SamplerConfig(chains=32, steps=60)
        scene = scene_of(events.before()).to(self._model.device)
        generator = torch.Generator().manual_seed(seed)
        start = scene.after[0]
        found, energy = self._search(scene, movable, config, generator)
        moved = (found - start).norm(dim=-1) > 1e-6
        for index in sorted(
            moved.nonzero().flatten().tolist(), key=lambda i: float((found - start)[i].norm())
        ):
            if int(movable.sum()) == 1:
                # The only one that may move stays only where that is a solution already.
                here = self._total(scene, start.unsqueeze(0), movable)[0]
                if float(here) <= config.tolerance * 0.1:
                    found, energy = start, float(here)
                break
            fewer = movable.clone()
            fewer[index] = False
            other, value = self._search(scene, fewer, config, generator)
            if value <= max(FREEZE_RATIO * energy, 0.1 * config.tolerance):
                found, energy, movable = other, value, fewer
        final = found.unsqueeze(0)
        with torch.no_grad():
            goal = float(self._energy(scene, final)[0])
            total = float(self._total(scene, final, movable)[0])
        positions = found.cpu().numpy().astype(float)
        distance = np.linalg.norm(positions - start.cpu().numpy(), axis=-1)
        return Solution(positions, goal, total <= config.tolerance, distance > 1e-6)

    def residual(self, scene: Scene, after: torch.Tensor) -> torch.Tensor:
        """Return residuals (B, K) whose squared norms are the energies, differentiable.

        Args:
            scene: B scenes or one, for what does not change with the positions.
            after: (B, N, 2) last positions, workspace units.
        """
        count = after.shape[0]
        if scene.num_events != count:
            scene = Scene(*(v.expand(count, *v.shape[1:]) for v in scene))
        stack: list[torch.Tensor] = []
        for element, conditioning in zip(self._program, self._conditioning):
            if isinstance(element, GroundedTerm):
                assert conditioning is not None
                stack.append(self._term(element, conditioning, scene, after))
                continue
            parts = [stack.pop() for _ in range(element.arity)][::-1]
            stack.append(_OPERATIONS[element.name](parts))
        return stack[0]

    def _energy(self, scene: Scene, after: torch.Tensor) -> torch.Tensor:
        parts = [
            self.residual(scene if scene.num_events == 1 else scene.select(rows), after[rows])
            for rows in _chunks(after.shape[0])
        ]
        return torch.cat([part.square().sum(dim=-1) for part in parts])

    def _condition(self, term: GroundedTerm) -> EnergyConditioning:
        code = self._model.check_code(term.code)
        with torch.no_grad():
            return self._model.network.condition(code[:, : code.shape[1] // 2], ACTION)

    def _term(
        self,
        term: GroundedTerm,
        conditioning: EnergyConditioning,
        scene: Scene,
        after: torch.Tensor,
    ) -> torch.Tensor:
        count = after.shape[0]
        subjects = torch.as_tensor(term.subjects).to(after).expand(count, -1)
        attention = torch.as_tensor(term.attention).to(after).expand(count, -1)
        # To this term, whatever is not its subject stands where it is: a reference that somebody
        # moved, or that another term moves, is simply there.
        before = torch.where(subjects.unsqueeze(-1) > 0.5, scene.before, after)
        bound = scene._replace(
            before=before,
            after=after,
            subjects=subjects,
            attention=attention,
            motion=after.new_zeros(count, self.num_entities, NUM_MOTION_FEATURES),
        )
        residual = self._model.network(bound, attention.unsqueeze(1), conditioning)[:, 0]
        return term.weight**0.5 * residual

    def _total(self, scene: Scene, after: torch.Tensor, movable: torch.Tensor) -> torch.Tensor:
        """Return the goal's energy plus what keeps movable bodies apart and inside (S,)."""
        sizes, present = scene.sizes[0], scene.present[0]
        clearance = CLEARANCE * (sizes.unsqueeze(-1) + sizes.unsqueeze(-2)) / 2
        difference = after.unsqueeze(-2) - after.unsqueeze(-3)
        distance = (difference.square().sum(dim=-1) + 1e-8).sqrt()
        free = movable.to(after)
        counts = present.unsqueeze(-1) * present.unsqueeze(-2)
        counts = counts * torch.maximum(free.unsqueeze(-1), free.unsqueeze(-2))
        counts = counts * (1 - torch.eye(len(free)).to(after)) / 2
        overlap = (counts * (clearance - distance).clamp(min=0).square()).sum(dim=(-1, -2))
        outside = (after.abs() - BORDER).clamp(min=0).square().sum(dim=-1) * free
        return self._energy(scene, after) + BODY_WEIGHT * (overlap + outside.sum(dim=-1))

    def _search(
        self,
        scene: Scene,
        movable: torch.Tensor,
        config: SamplerConfig,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, float]:
        """Return the best arrangement (N, 2) and its total energy."""
        start = scene.after
        gate = movable.to(start).unsqueeze(0)
        starts = scatter_starts(start, gate, config.chains, generator, BORDER)[0]
        positions, energies = descend(
            lambda after: self._total(scene, after, movable),
            starts,
            gate.expand(config.chains, -1),
            config,
            generator,
        )
        # Among solutions as good as the best, the one that moves things the least.
        good = energies <= energies.min() + 0.1 * config.tolerance
        travel = (positions - start).norm(dim=-1).sum(dim=-1)
        best = int(torch.where(good, travel, torch.inf).argmin())
        return positions[best], float(energies[best])


class ResidualEvaluator:
    """The goal's residual for control: plain arrays, no gradients, the caller's one thread."""

    def __init__(self, energy: GoalEnergy) -> None:
        self._energy = energy

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return residuals (B, K) whose squared norms are the goal's energies.

        Args:
            before: (N, 2) positions when the goal was given, workspace units.
            positions: (B, N, 2) positions to judge, workspace units.
            colors: (N, 3) RGB in [0, 1].
            sizes: (N,) side lengths, workspace units.
        """

        def row(values: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(np.asarray(values, dtype=np.float32)).unsqueeze(0)

        ones = torch.ones(1, len(sizes))
        scene = Scene(
            before=row(before),
            after=row(before),
            colors=row(colors),
            sizes=row(sizes),
            present=ones,
            subjects=ones,
            attention=ones,
            motion=torch.zeros(1, len(sizes), NUM_MOTION_FEATURES),
        )
        after = torch.as_tensor(np.asarray(positions, dtype=np.float32))
        with torch.inference_mode():
            parts = [self._energy.residual(scene, after[rows]) for rows in _chunks(after.shape[0])]
            return torch.cat(parts).numpy()


def _chunks(count: int) -> list[slice]:
    return [slice(i, i + STATES_AT_ONCE) for i in range(0, count, STATES_AT_ONCE)]


def _check_postfix(program: Sequence[GroundedTerm | Operator]) -> None:
    depth = 0
    for number, element in enumerate(program):
        if isinstance(element, Operator):
            if element.arity > depth:
                raise CommandError(
                    f'element {number} ({element.name}) takes {element.arity} energies, but only '
                    f'{depth} stand before it'
                )
            depth -= element.arity
        depth += 1
    if depth != 1:
        raise CommandError(f'the program leaves {depth} energies; expected exactly one')


def _and(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(parts), dim=-1)


def _or(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    energies = torch.stack([part.square().sum(dim=-1) for part in parts], dim=-1)
    shares = torch.softmax(-energies / OR_TEMPERATURE, dim=-1)
    value = -OR_TEMPERATURE * torch.logsumexp(-energies / OR_TEMPERATURE, dim=-1)
    # The shares' mean has the soft minimum's direction; scaled, it has its value too.
    mean = (shares * energies).sum(dim=-1)
    scale = (value.clamp(min=0) / (mean + 1e-12)).clamp(max=1.0)
    weighted = [
        part * (shares[:, i] * scale + 1e-12).sqrt().unsqueeze(-1) for i, part in enumerate(parts)
    ]
    return torch.cat(weighted, dim=-1)


def _not(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    energy = parts[0].square().sum(dim=-1, keepdim=True)
    return NOT_MARGIN**0.5 * (1 - energy / NOT_MARGIN).clamp(min=0)


_OPERATIONS = {'and': _and, 'or': _or, 'not': _not}
