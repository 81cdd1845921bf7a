"""The trajectory skill against its baselines."""
