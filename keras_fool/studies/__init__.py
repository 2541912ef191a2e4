"""The paper's experiments, and arithmetic, tables and diagrams that any command may use.

What an experiment is
    experiment         its data, and where each one is registered
    steps              what runs its steps: resumes, times, estimates
    results_folder     where its results are written

What experiments share
    evolutions         classifiers that are trained, evolutions against them
    ascents            ascents, and what came of them
    transfer, cross_scoring, transfer_tables    do images fool another classifier?
    real_images        how sure a classifier is of real images
    inspection         what was understood of a classifier, and how often it is right
    statistics         confidence intervals over runs; how much images look alike
    galleries          champions of run folders, chosen and put in order for a sheet
    tables, plots      CSV, Markdown; diagrams and their colours

Experiments, a file per family
    table_s1, published_view, mnist_figures    on MNIST
    retraining         Table S2 and section C.2
    imagenet, confidence                       on networks of ImageNet
    ascent_figures, ascent_steps, ascent_first_step, ascent_tables    gradient ascent
"""
