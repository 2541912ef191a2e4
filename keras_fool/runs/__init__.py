"""Long computations in folders: nothing is lost, and the same command goes on.

What all of them do alike:

    workdir             the folder: its settings, its lock, whether it is complete
    environment         what else decides the last bits
    files               files that are whole or absent, and ones that only grow
    checkpoints         complete states
    checksums           what files must be
    run_records         what a run folder says, checked where it enters
    background          a thread that writes
    progress            what stderr shows; stopping: Ctrl-C and SIGTERM
    summaries           what TensorBoard shows
    tables              rows of metrics.csv, lineage.csv and champions.csv
    champion_png        images with the genomes that drew them; champions reads them back

Each kind has a `_run` (from wherever the folder is to its end), a `_folder` (what is in it)
and, but for trainings, a `_recorder` (what is written when): evolution, ascent, training.
"""
