"""Messages as plain fields; no ROS needed.

constants     enums of the constants, held against `msg/` and `action/`
decoding      stamps, entities and joint states, checked
goal_terms    terms of goals to programs of an energy
"""
