"""Messages as plain fields: constants, decoding, terms of goals. No ROS needed."""
