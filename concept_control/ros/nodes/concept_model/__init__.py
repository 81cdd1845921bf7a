"""Node `concept_model`: demonstrations to codes, commands to goals."""
