"""Which concept explains what happened.

calibration      energies to probabilities
recogniser       the statements that came to hold
imitation        the command that makes the same happen elsewhere
bag_imitation    the same from a bag
"""
