"""Pages, tables, JSON files and provenance of what was measured."""
