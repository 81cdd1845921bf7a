"""The world that every folder speaks of.

entity              one entity: its status, its state, and the tool
workspace           the similarity between the table and [-1, 1]²
tabletop            the entities of one scene in workspace units
events              batches of what entities did, the input of the model
demonstrations      events from two scenes, and from NPZ files
reidentification    the ids of before a restart of perception
colors              what the colour words mean
"""
