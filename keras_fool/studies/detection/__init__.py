"""Do detectors help? Eight of them on noise, other data and fooling images, static and adaptive.

plan          what is fitted, evolved and ascended, and against what
collected     all images, scored by the classifier and all detectors in one pass
tables        the tables and CSV files
picture       the diagram
experiments   all of it as an experiment that `reproduce` runs
"""
