"""Words: expressions, the library, grounding in a scene, goals, and the judge."""
