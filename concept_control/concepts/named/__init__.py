"""Families of concepts that have a name, each with sampler and predicate."""
