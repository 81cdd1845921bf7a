"""Strokes drawn by imitation: an energy of the next step, and samplers that follow it."""
