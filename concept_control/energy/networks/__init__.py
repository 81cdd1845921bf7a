"""The networks of the energy and the encoder, and what they look at."""
