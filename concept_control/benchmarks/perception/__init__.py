"""Blocks seen in single frames and followed through sequences."""
