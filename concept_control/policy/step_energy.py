"""The energy of steps in the cost of control: expanded to second order around the policy's path.

Near a minimum a* of E(x, ·), E(x, a) ≈ E(x, a*) + ½ (a − a*)ᵀ H (a − a*), and as x changes the
minimum moves by da* = −H⁻¹ (∂²E/∂a∂x) dx. So ½‖Lᵀ(a − a*(x))‖² with H = L Lᵀ is what control
minimises: a sum of squares, as its other energies are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from concept_control.policy.descents import MIN_CURVATURE
from concept_control.policy.model import StrokePolicy
from concept_control.policy.samplers import energy_at

BLEND = 0.5
"""Width of the expansions' overlap, in steps."""

MAX_SLOPE = 40.0
"""Largest change of a step's direction with position that control is shown [1/size]."""

HORIZON = 0.5
"""Time that the controller looks ahead [s]."""

RETURN = 5.0
"""Least slope with which steps beside the path lead back to it [1/size].

Where demonstrations part, so do the steps, and a tool that is a little beside the path would be
carried away from it. But which of the ways it draws was decided when the path was sampled.
"""


@dataclass(frozen=True)
class Expansion:
    """The energy around one step of a path, in the figure's frame.

    Attributes:
        place: (2,) middle of the step, where its direction is the path's tangent.
        step: (2,) minimum a* of the energy, in step lengths.
        slope: (2, 2) derivative of the minimum by the place.
        root: (2, 2) factor Lᵀ with L Lᵀ half the energy's curvature in the step.
    """

    place: np.ndarray
    step: np.ndarray
    slope: np.ndarray
    root: np.ndarray


class PolicyPath:
    """The path of a policy from where it is asked to start, extended as far as needed.

    Beyond its end, where control only looks ahead, a closed stroke goes round again and an open
    one straight on: nobody showed more, and asking the network would hold up control.

    Args:
        policy: Policy of the figure.
        start: (2,) start of the path, in sizes of the figure.
        seed: Seed of the choice of modes.
    """

    def __init__(self, policy: StrokePolicy, start: np.ndarray, seed: int = 0) -> None:
        self._policy = policy
        self._sampler = policy.sampler(seed)
        self._code = policy.codes(1)
        self._state = torch.as_tensor(start, dtype=torch.float32).reshape(1, 2)
        self.points = [np.asarray(start, dtype=float)]
        self.expansions: list[Expansion] = []

    def extend(self, number: int) -> None:
        """Make sure that there are at least so many steps."""
        policy = self._policy
        while len(self.expansions) < number:
            if len(self.expansions) >= policy.num_steps:
                again = policy.num_steps if policy.is_closed else 1
                known = self.expansions[-again]
                forth = policy.step_length * known.step
                self.expansions.append(replace(known, place=self.points[-1] + forth / 2))
                self.points.append(self.points[-1] + forth)
                continue
            step = self._sampler(policy.network, self._state, self._code)
            self.expansions.append(self._expanded(step))
            self._state = self._state + policy.step_length * step
            self.points.append(self._state[0].numpy().astype(float))

    def _expanded(self, step: torch.Tensor) -> Expansion:
        both = torch.cat([self._state, step], dim=1).requires_grad_(True)
        with torch.enable_grad():
            energy = energy_at(self._policy.network, both[:, :2], self._code)
            (slope,) = torch.autograd.grad(
                energy(both[:, None, 2:]).sum(), both, create_graph=True
            )
            rows = [
                torch.autograd.grad(slope[0, 2 + i], both, retain_graph=True)[0][0]
                for i in range(2)
            ]
        hessian = torch.stack(rows).numpy().astype(float)
        values, axes = np.linalg.eigh((hessian[:, 2:] + hessian[:, 2:].T) / 2)
        values = np.maximum(values, MIN_CURVATURE)
        change = -(axes / values) @ axes.T @ hessian[:, :2]
        change *= min(1.0, MAX_SLOPE / max(float(np.linalg.norm(change, 2)), 1e-9))
        a = step[0].numpy().astype(float)
        across = np.array([-a[1], a[0]]) / np.linalg.norm(a)
        change -= max(RETURN + across @ change @ across, 0.0) * np.outer(across, across)
        middle = self.points[-1] + 0.5 * self._policy.step_length * a
        return Expansion(middle, a, change, (axes * np.sqrt(values / 2)).T)


class StepEnergy:
    """The energy of going on along a path, of world positions [m] and velocities [m/s]."""

    def __init__(
        self,
        expansions: list[Expansion],
        step_length: float,
        origin: np.ndarray,
        scale: float,
        rotation: np.ndarray,
        speed: float,
    ) -> None:
        """Take the expansions near the tool.

        Args:
            expansions: Expansions around steps of the path, at least one.
            step_length: Length of a step in sizes of the figure.
            origin: (2,) origin of the figure in the world [m].
            scale: Size of the figure [m].
            rotation: (2, 2) rotation from the figure's axes to the world's.
            speed: Speed of a step of length 1 [m/s].
        """
        self._places = np.stack([e.place for e in expansions])
        self._steps = np.stack([e.step for e in expansions])
        self._slopes = np.stack([e.slope for e in expansions])
        self._roots = np.stack([e.root for e in expansions])
        self._width = BLEND * step_length
        self._origin, self._scale, self._rotation = origin, scale, rotation
        self._speed = speed

    def residual(self, xy: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return (B, 2) residuals at world positions (B, 2) and velocities (B, 2)."""
        return self.linearize(xy, velocity)[0]

    def linearize(
        self, xy: np.ndarray, velocity: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (B, 2) residuals and their (B, 2, 2) Jacobians by position and by velocity."""
        place = (xy - self._origin) @ self._rotation / self._scale
        step = velocity @ self._rotation / self._speed
        offset = place[:, None] - self._places
        exponent = -0.5 * (offset**2).sum(axis=-1) / self._width**2
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        minimum = self._steps + np.einsum('kij,bkj->bki', self._slopes, offset)
        minimum = (weight[..., None] * minimum).sum(axis=1)
        slope = np.einsum('bk,kij->bij', weight, self._slopes)
        root = np.einsum('bk,kij->bij', weight, self._roots)
        residual = (root @ (step - minimum)[..., None])[..., 0]
        by_place = -root @ slope @ self._rotation.T / self._scale
        return residual, by_place, root @ self._rotation.T / self._speed


class PolicyStroke:
    """A policy's stroke on the table: a `control.skills.drawing.Stroke`.

    Attributes:
        remaining: Length that is still to be drawn [m].
    """

    def __init__(
        self,
        policy: StrokePolicy,
        center: np.ndarray,
        size: float,
        rotation: np.ndarray,
        seed: int = 0,
        offset: np.ndarray | None = None,
    ) -> None:
        """Place a figure.

        Args:
            policy: Policy of the figure.
            center: (2,) middle of the drawing in the world [m].
            size: Longer side of the figure's box [m].
            rotation: (2, 2) rotation from the figure's axes to the world's.
            seed: Seed of the choice of modes.
            offset: (2,) vector from the drawing's middle to this figure's, in the world [m]; None
                for zero.
        """
        self.policy, self.size, self._rotation = policy, size, rotation
        self._offset = np.zeros(2) if offset is None else offset
        self._index = 0
        self._path = PolicyPath(policy, np.zeros(2), seed)
        self._path.extend(policy.num_steps)
        self.place(center)

    @property
    def path(self) -> np.ndarray:
        """(T + 1, 2) the policy's path in the world [m]."""
        return self.to_world(np.array(self._path.points[: self.policy.num_steps + 1]))

    @property
    def start(self) -> np.ndarray:
        """(2,) where it starts [m]."""
        return self.path[0]

    def place(self, center: np.ndarray) -> None:
        """Move the drawing's middle to (2,) [m]."""
        start = self.size * (self._rotation @ self.policy.center)
        self._origin = np.asarray(center, dtype=float) + self._offset - start
        if self._index == 0:
            self.remaining = self.policy.num_steps * self.policy.step_length * self.size

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Map (..., 2) points of the figure to the world [m]."""
        return self._origin + self.size * (points @ self._rotation.T)

    def advance(self, xy: np.ndarray, speed: float) -> StepEnergy:
        """Return the energy of going on from where the tool is (2,), at a speed [m/s]."""
        policy = self.policy
        stride = policy.step_length * self.size
        place = (xy - self._origin) @ self._rotation / self.size
        ahead = int(np.ceil(speed * HORIZON / stride)) + 3
        self._path.extend(self._index + ahead)
        # The tool may have come a few steps further, never back: strokes may cross themselves.
        window = self._path.expansions[self._index : self._index + 4]
        gaps = [np.linalg.norm(e.place - place) for e in window]
        self._index += int(np.argmin(gaps))
        here = self._path.expansions[self._index]
        progress = (place - here.place) @ here.step / np.linalg.norm(here.step)
        done = (self._index + 0.5) * policy.step_length + progress
        self.remaining = (policy.num_steps * policy.step_length - done) * self.size
        first = max(self._index - 1, 0)
        self._path.extend(self._index + ahead)
        near = self._path.expansions[first : self._index + ahead]
        return StepEnergy(near, policy.step_length, self._origin, self.size, self._rotation, speed)
