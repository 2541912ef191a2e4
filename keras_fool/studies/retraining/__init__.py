"""Repeated retraining with a class of fooling images: Table S2, and section C.2.

config        the settings
folder        what is where in a study's folder, and whether it is whole
draw          which images become the fooling class
steps         train, evolve, draw, train afresh, ...
outcomes      what came of each classifier
table_s2      the table and picture of section C.1, on digits
section_c2    those of section C.2, on other data
report        all files that a study ends with
experiments   both as experiments that `reproduce` runs
"""
