"""Plain measurements of a scene: the vocabulary that concepts are made of."""
