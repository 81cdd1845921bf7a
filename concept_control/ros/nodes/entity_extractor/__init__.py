"""Node `entity_extractor`: camera images to entities."""
