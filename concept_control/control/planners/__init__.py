"""Planners behind one interface: iLQG, CEM, MPPI, predictive sampling."""
