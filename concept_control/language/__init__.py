"""From words to goals.

expression       the command language and its parser
library          named concepts and the names they may have
library_store    taught concepts on disk
roles            the entities that the selectors of a term name
grounding        the entities an expression stands for, by the learned energy
appearance       the check that an entity looks as demonstrated
goals            the one maker of goals for the controller
judge            whether an expression holds, by geometry and true colours
"""
