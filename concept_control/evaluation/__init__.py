"""Benchmarks, the judge and pictures of runs."""
