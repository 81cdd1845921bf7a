"""Inference of codes from demonstrations."""
