"""What the colour words mean, for particles and for simulated blocks alike."""

NAMED_COLORS: dict[str, tuple[float, float, float]] = {
    'red': (0.9, 0.1, 0.1),
    'blue': (0.1, 0.2, 0.9),
    'green': (0.1, 0.7, 0.1),
    'yellow': (0.9, 0.8, 0.1),
    'magenta': (0.8, 0.1, 0.8),
    'cyan': (0.1, 0.8, 0.8),
    'orange': (1.0, 0.5, 0.0),
    'white': (0.95, 0.95, 0.95),
}
"""RGB in [0, 1] by name."""
