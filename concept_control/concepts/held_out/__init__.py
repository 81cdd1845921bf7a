"""Families that training never shows: `validation` was looked at, `blind` only once."""
