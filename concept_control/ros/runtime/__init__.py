"""How node processes start, are configured, watched and ended."""
