"""Families whose concepts are drawn at random from rules."""
