"""Outlines of boxes, cylinders and balls standing upright, as a camera sees them.

A body's silhouette is convex. For a prism with its upper face at height h above a plane, projected
from the camera onto the plane of the upper face, it is the hull of the upper face and of the lower
one, shrunk towards the point c below the camera by s = (H - h) / (H - b), with H, h and b the
heights of camera, upper and lower face. That makes the signed distance of an outline point a
maximum over a few lines, for any number of bodies at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

OUTLINE, LIMIT, FACE = 0, 1, 2
"""Kinds of outline points: the silhouette's edge; an occluder's edge, behind which the body may go
on; and the edge of the upper face, where an equally high neighbour hides the wall below it or a
point of the wall itself says so."""

NUM_ITERATIONS = 8
"""Number of Gauss-Newton iterations."""

STEP = 1e-5
"""Finite difference of the parameters [m, rad]."""

HUBER = 1.5
"""Standard deviations beyond which residuals count linearly (Huber's loss)."""

OUTLIER = 8.0
"""Standard deviations beyond which residuals say no more about the fit."""

MAX_STEP = 0.01
"""Longest move of a centre in one iteration [m]."""


@dataclass(frozen=True)
class Outlines:
    """Outline points of K bodies, padded to P points.

    Attributes:
        points: (K, P, 2) places where the rays meet the plane of the upper face, world x, y [m].
        rays: (K, P, 3) unit directions, world frame.
        weights: (K, P) weights of the points, 0 for padding.
        kinds: (K, P) kinds of the points: `OUTLINE`, `LIMIT` or `FACE`.
        top: (K,) height of the upper face, world z [m].
        bottom: (K,) height where the visible wall ends, world z [m].
        sigma: (K,) standard deviation of an outline point [m].
        origin: (3,) camera centre, world frame [m].
        floor: (K,) height of what the body stands on, world z [m].
    """

    points: np.ndarray
    rays: np.ndarray
    weights: np.ndarray
    kinds: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    sigma: np.ndarray
    origin: np.ndarray
    floor: np.ndarray

    def select(self, rows: np.ndarray) -> Outlines:
        """Return the outlines of some bodies; rows may repeat."""
        own = ('points', 'rays', 'weights', 'kinds', 'top', 'bottom', 'sigma', 'floor')
        return replace(self, **{name: getattr(self, name)[rows] for name in own})

    def thinned(self, every: int) -> Outlines:
        """Return one in so many points of each outline."""
        return replace(
            self,
            points=self.points[:, ::every],
            rays=self.rays[:, ::every],
            weights=every * self.weights[:, ::every],
            kinds=self.kinds[:, ::every],
        )

    @property
    def shrink(self) -> np.ndarray:
        """(K,) factor s of the lower face."""
        return (self.origin[2] - self.top) / (self.origin[2] - self.bottom)


def box_distance(outlines: Outlines, parameters: np.ndarray) -> np.ndarray:
    """Return (K, P) signed distances to boxes' silhouettes, positive outside.

    Args:
        outlines: Outlines of K bodies.
        parameters: (K, 5) centre x, y [m], yaw [rad], side lengths along and across it [m].
    """
    x, y, yaw, side_a, side_b = (parameters[:, i, None] for i in range(5))
    cos, sin = np.cos(yaw), np.sin(yaw)
    dx, dy = outlines.points[..., 0] - x, outlines.points[..., 1] - y
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    # The camera's foot point in the body's frame.
    cx, cy = outlines.origin[0] - x, outlines.origin[1] - y
    cu, cv = cos * cx + sin * cy, cos * cy - sin * cx
    s = outlines.shrink[:, None]
    half_a, half_b = 0.5 * side_a, 0.5 * side_b
    drift_u, drift_v = (1.0 - s) * cu, (1.0 - s) * cv
    distance = np.maximum(
        np.maximum(
            u - np.maximum(half_a, drift_u + s * half_a),
            -u - np.maximum(half_a, -drift_u + s * half_a),
        ),
        np.maximum(
            v - np.maximum(half_b, drift_v + s * half_b),
            -v - np.maximum(half_b, -drift_v + s * half_b),
        ),
    )
    # Lines of sight along the outermost corners join the two faces.
    corner_u = half_a * np.array([1.0, -1.0, -1.0, 1.0]) - cu
    corner_v = half_b * np.array([1.0, 1.0, -1.0, -1.0]) - cv
    range_ = np.hypot(cu, cv)
    safe = np.maximum(range_, 1e-9)
    ahead = -(cu * corner_u + cv * corner_v) / safe
    aside = -(cu * corner_v - cv * corner_u) / safe
    has_lines = (ahead > 1e-4).all(axis=1)[:, None] & (range_ > 1e-6)
    ratio = aside / np.where(ahead > 1e-4, ahead, 1.0)
    point_ahead = -(cu * (u - cu) + cv * (v - cv)) / safe
    point_aside = -(cu * (v - cv) - cv * (u - cu)) / safe
    for slopes, sign in ((ratio.max(axis=1), 1.0), (ratio.min(axis=1), -1.0)):
        slope = slopes[:, None]
        line = sign * (point_aside - slope * point_ahead) / np.sqrt(1.0 + slope * slope)
        distance = np.where(has_lines, np.maximum(distance, line), distance)
    face = np.maximum(np.abs(u) - half_a, np.abs(v) - half_b)
    return np.where(outlines.kinds == FACE, face, distance)


def cylinder_distance(outlines: Outlines, parameters: np.ndarray) -> np.ndarray:
    """Return (K, P) signed distances to upright cylinders' silhouettes, positive outside.

    Args:
        outlines: Outlines of K bodies.
        parameters: (K, 3) centre x, y and radius [m].
    """
    x, y, radius = (parameters[:, i, None] for i in range(3))
    s = outlines.shrink[:, None]
    px, py = outlines.points[..., 0], outlines.points[..., 1]
    cx, cy = outlines.origin[0], outlines.origin[1]
    upper = np.hypot(px - x, py - y) - radius
    lower = np.hypot(px - (cx + s * (x - cx)), py - (cy + s * (y - cy))) - s * radius
    range_ = np.hypot(x - cx, y - cy)
    has_lines = range_ > radius
    safe = np.where(has_lines, range_, 2.0 * np.abs(radius) + 1e-9)
    half_angle = np.arcsin(np.clip(radius / safe, -1.0, 1.0))
    tangent = np.sqrt(np.maximum(safe * safe - radius * radius, 0.0))
    ahead = ((px - cx) * (x - cx) + (py - cy) * (y - cy)) / safe
    aside = np.abs((px - cx) * (y - cy) - (py - cy) * (x - cx)) / safe
    cos, sin = np.cos(half_angle), np.sin(half_angle)
    along, off = ahead * cos + aside * sin, aside * cos - ahead * sin
    joined = np.where(along > tangent, upper, np.where(along < s * tangent, lower, off))
    return np.where(has_lines & (outlines.kinds != FACE), joined, upper)


def ball_distance(outlines: Outlines, parameters: np.ndarray) -> np.ndarray:
    """Return (K, P) signed distances of rays to balls that lie on their floors.

    Args:
        outlines: Outlines of K bodies.
        parameters: (K, 3) centre x, y and radius [m].
    """
    center = parameters + np.pad(outlines.floor[:, None], ((0, 0), (2, 0)))
    offset = (center - outlines.origin)[:, None]
    along = np.einsum('kpi,kpi->kp', np.broadcast_to(offset, outlines.rays.shape), outlines.rays)
    aside = np.linalg.norm(offset - along[..., None] * outlines.rays, axis=-1)
    return aside - parameters[:, 2, None]


DISTANCES = {'box': box_distance, 'cylinder': cylinder_distance, 'ball': ball_distance}
"""Silhouette models by the shape class of `Entity.shape`."""


def smallest_yaw(yaw: float, sides: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the yaw in [-pi/4, pi/4] [rad] and the sides (2,) of the same rectangle."""
    turns = round(yaw / (np.pi / 2))
    yaw = yaw - turns * np.pi / 2
    return float(yaw), np.abs(sides[::-1] if turns % 2 else sides)


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the (3,) centre and the radius of the sphere nearest to (N, 3) points [m].

    A sphere of centre c: |p|² = 2 c·p + k, with k = r² - |c|², by least squares.
    """
    mean = points.mean(axis=0)
    local = points - mean
    basis = np.column_stack([2.0 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(basis, (local**2).sum(axis=1), rcond=None)[0]
    center = solution[:3]
    return center + mean, float(np.sqrt(max(solution[3] + center @ center, 0.0)))


def surface_distance(
    shape: str, parameters: np.ndarray, height: float, points: np.ndarray
) -> np.ndarray:
    """Return (N,) signed distances of points to one body's surface, positive outside [m].

    Args:
        shape: Shape class, a key of `DISTANCES`.
        parameters: (D,) parameters as the shape's distance takes them.
        height: Height of a box's or cylinder's upper face above its lower one [m].
        points: (N, 3) points, world x, y and height above the lower face [m].
    """
    dx, dy = points[:, 0] - parameters[0], points[:, 1] - parameters[1]
    if shape == 'ball':
        return np.sqrt(dx**2 + dy**2 + (points[:, 2] - parameters[2]) ** 2) - parameters[2]
    above = np.maximum(points[:, 2] - height, -points[:, 2])
    if shape == 'cylinder':
        offset = np.column_stack([np.hypot(dx, dy) - parameters[2], above])
    else:
        cos, sin = np.cos(parameters[2]), np.sin(parameters[2])
        along = np.abs(cos * dx + sin * dy) - 0.5 * parameters[3]
        across = np.abs(cos * dy - sin * dx) - 0.5 * parameters[4]
        offset = np.column_stack([along, across, above])
    outside = np.linalg.norm(np.maximum(offset, 0.0), axis=1)
    return outside + np.minimum(offset.max(axis=1), 0.0)


@dataclass(frozen=True)
class SilhouetteFit:
    """K fitted bodies.

    Attributes:
        parameters: (K, D) parameters as the shape's distance takes them.
        covariance: (K, D, D) covariance of the parameters.
        cost: (K,) robust squared residuals, outline and prior, in units of variance.
        rms: (K,) weighted root mean square distance of the outline points [m].
    """

    parameters: np.ndarray
    covariance: np.ndarray
    cost: np.ndarray
    rms: np.ndarray


class _LeastSquares:
    """Robust residuals of K silhouettes of one shape, and what is expected of their parameters."""

    def __init__(
        self, shape: str, outlines: Outlines, prior: np.ndarray, prior_sigma: np.ndarray
    ) -> None:
        self._distance, self._weights = DISTANCES[shape], outlines.weights
        self._scale = 1.0 / outlines.sigma[:, None]
        self._prior, self._precision = prior, 1.0 / prior_sigma**2
        # A ball has no upper face that could end at a neighbour's.
        self._is_limit = outlines.kinds == LIMIT
        if shape == 'ball':
            self._is_limit = outlines.kinds != OUTLINE
        num, size = prior.shape
        self._copies = outlines.select(np.tile(np.arange(num), size + 1))

    def active(self, residual: np.ndarray) -> np.ndarray:
        """Return (K, P) weights: where something hides a body, its outline is a lower bound."""
        return np.where(self._is_limit & (residual < 0.0), 0.0, self._weights)

    def linearize(
        self, parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return residuals (K, P) and cost (K,), Gauss-Newton Hessian (K, D, D) and gradient."""
        num, size = parameters.shape
        shifted = np.tile(parameters, (size + 1, 1, 1))
        for i in range(size):
            shifted[i + 1, :, i] += STEP
        values = self._distance(self._copies, shifted.reshape(-1, size))
        values = values.reshape(size + 1, num, -1)
        residual = values[0] * self._scale
        jacobian = (values[1:] - values[0]) * (self._scale / STEP)
        active, magnitude = self.active(residual), np.abs(residual)
        is_far = magnitude > HUBER
        weights = active * np.where(is_far, HUBER / np.maximum(magnitude, HUBER), 1.0)
        penalty = np.where(is_far, HUBER * (2.0 * magnitude - HUBER), residual**2)
        offset = parameters - self._prior
        cost = (active * penalty).sum(axis=1) + (self._precision * offset**2).sum(axis=1)
        weighted = jacobian * weights
        hessian = np.einsum('akp,bkp->kab', weighted, jacobian)
        hessian[:, np.arange(size), np.arange(size)] += self._precision
        gradient = np.einsum('akp,kp->ka', weighted, residual) + self._precision * offset
        return residual, cost, hessian, gradient


def fit_silhouettes(
    shape: str,
    outlines: Outlines,
    start: np.ndarray,
    prior: np.ndarray,
    prior_sigma: np.ndarray,
    num_iterations: int = NUM_ITERATIONS,
) -> SilhouetteFit:
    """Fit K bodies of one shape to their outlines by robust Gauss-Newton.

    Args:
        shape: Shape of the bodies, a key of `DISTANCES`.
        outlines: Outlines of the K bodies.
        start: (K, D) first guesses.
        prior: (K, D) expected parameters.
        prior_sigma: (K, D) standard deviation of the expectation; infinite for none.
        num_iterations: Number of Gauss-Newton iterations.
    """
    problem = _LeastSquares(shape, outlines, prior, prior_sigma)
    num, size = start.shape
    diagonal = np.arange(size)
    candidate, parameters = start.copy(), start.copy()
    damping, cost = np.full(num, 1e-3), np.full(num, np.inf)
    hessian, gradient = np.zeros((num, size, size)), np.zeros((num, size))
    residual = np.zeros_like(outlines.weights)
    for _ in range(num_iterations):
        new_residual, new_cost, new_hessian, new_gradient = problem.linearize(candidate)
        better = new_cost < cost
        cost = np.where(better, new_cost, cost)
        parameters[better], residual[better] = candidate[better], new_residual[better]
        hessian[better], gradient[better] = new_hessian[better], new_gradient[better]
        damping = np.where(better, damping * 0.2, damping * 30.0)
        damped = hessian.copy()
        damped[:, diagonal, diagonal] += damping[:, None] * hessian[:, diagonal, diagonal] + 1e-6
        step = np.linalg.solve(damped, gradient[..., None])[..., 0]
        longest = np.abs(step[:, :2]).max(axis=1, keepdims=True)
        candidate = parameters - step * np.minimum(1.0, MAX_STEP / np.maximum(longest, 1e-12))
    active = problem.active(residual)
    capped = np.minimum(residual**2, OUTLIER**2)
    spread = (active * capped).sum(axis=1) / np.maximum(active.sum(axis=1), 1.0)
    covariance = np.linalg.inv(hessian + 1e-6 * np.eye(size))
    covariance *= np.maximum(spread, 1.0)[:, None, None]
    return SilhouetteFit(parameters, covariance, cost, np.sqrt(spread) * outlines.sigma)
