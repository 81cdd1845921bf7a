"""Node `mpc_controller`: goals to joint commands."""
