"""Goals: programs of grounded concepts as one energy, and how it is solved."""
