"""For programs that talk to the running graph: commander, monitor, recorders."""
