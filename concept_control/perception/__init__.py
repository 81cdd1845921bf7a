"""From RGB-D images to blocks with identity, position, size, colour and shape."""
