"""Small box-constrained quadratic programs by projected Newton steps."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

MAX_ITERATIONS = 20
GRADIENT_TOLERANCE = 1e-9
ARMIJO = 0.1


def box_qp(
    hessian: np.ndarray,
    gradient: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    start: np.ndarray,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Minimise ½ x'Hx + g'x subject to lower <= x <= upper.

    Projected Newton after Tassa, Mansard, Todorov, "Control-limited differential dynamic
    programming", ICRA 2014.

    Args:
        hessian: (m, m) positive definite matrix H.
        gradient: (m,) linear term g.
        lower: (m,) lower bounds.
        upper: (m,) upper bounds.
        start: (m,) first guess, clamped to the box.

    Returns:
        (m,) minimiser and (m,) bool, True for coordinates off the bounds; None if the Hessian of
        the free coordinates is not positive definite.
    """
    x = np.clip(start, lower, upper)
    free = np.ones(len(x), dtype=bool)
    value = 0.5 * x @ hessian @ x + gradient @ x
    for _ in range(MAX_ITERATIONS):
        slope = gradient + hessian @ x
        clamped = ((x <= lower) & (slope > 0)) | ((x >= upper) & (slope < 0))
        free = ~clamped
        if not free.any() or np.abs(slope[free]).max() < GRADIENT_TOLERANCE:
            break
        _, newton, info = lapack.dposv(hessian[np.ix_(free, free)], slope[free])
        if info:
            return None
        step = np.zeros_like(x)
        step[free] = -newton
        decrease = slope @ step
        scale = 1.0
        while scale > 1e-8:
            candidate = np.clip(x + scale * step, lower, upper)
            new_value = 0.5 * candidate @ hessian @ candidate + gradient @ candidate
            if new_value <= value + ARMIJO * scale * decrease:
                break
            scale *= 0.6
        else:
            break
        moved = np.abs(candidate - x).max()
        x, value = candidate, new_value
        if moved < 1e-12:
            break
    return x, free
