"""Networks of the energy and of the encoder, and their inputs."""
