"""Control: the energy of what an arm moves, minimised through the arm's dynamics."""
