"""What a planner minimises: energies of the moving entity, and costs of the arm."""
