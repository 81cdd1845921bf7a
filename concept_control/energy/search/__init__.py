"""Search over states and attention: Langevin, least squares, generation, identification."""
