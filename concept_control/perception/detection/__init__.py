"""One frame of colour and depth to detected blocks."""
