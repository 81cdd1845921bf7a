"""Goals: programs of grounded concepts as one energy, solved or evaluated fast for control."""
