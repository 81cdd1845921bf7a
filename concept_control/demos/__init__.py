"""Whole runs for people to watch: the node graph, and drawing."""
