"""Meta-training of the energy in the particle world."""
