"""Concepts learned from a few demonstrations, judged by their predicates."""
