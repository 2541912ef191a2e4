"""What the studies of the paper do: arithmetic that any command may use, and experiments.

    experiment      what an experiment is; the list of them
    transfer        Table S1: do images that fool one classifier fool another one?
    bootstrap       confidence intervals over runs
    figures         the pictures of the results
    galleries       champions of run folders, chosen and put in order for a sheet

The modules named like an experiment hold that experiment.
"""
