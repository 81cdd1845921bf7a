"""What the arm can do with a goal: rearrange, push, draw."""
