"""A recorded bag judged again; no ROS needed.

replay       one pass over a bag
command      one goal: energies, phases, plans
attention    its grounded arguments
predicate    whether it holds along the way
images       perception once more
concepts     codes for the recorded names
series       numbers in bounded memory
page         the report as HTML
text         the report for the terminal
"""
