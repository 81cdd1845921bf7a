"""Which concept explains what happened.

calibration      energies to probabilities
recogniser       the statements that came to hold
imitation        the command that makes the same happen elsewhere, from an event or from a bag
"""
