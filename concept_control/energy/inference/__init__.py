"""Inference of codes: the concept w behind a few demonstrations."""
