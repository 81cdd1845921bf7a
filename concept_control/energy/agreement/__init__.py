"""Concepts as agreements: what demonstrations agree on more than chance would have it."""
