"""From demonstrations to a word of the library, with its cross-validation."""
