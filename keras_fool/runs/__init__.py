"""Long computations in folders: nothing is lost, and the same command goes on.

The life of all of them, and what it takes:

    jobs                what a job is, and the record of it
    execute             a job's life: restored, advanced, recorded, saved, stopped, finished
    run_folder          its folder: lock, tables that grow, images, checkpoints, completion
    workdir             config.json: settings, versions, what must be the same to go on
    environment         what else decides the last bits
    files               files that are whole or absent, and ones that only grow
    checkpoints         complete states
    checksums           what files must be
    background          a thread that writes
    progress            what stderr shows; stopping: Ctrl-C and SIGTERM
    summaries           what TensorBoard shows

What is executed, each with its record:

    evolution_run       an evolution; evolution_record, tables: what is written of it
    endpoint_run        one against an endpoint; endpoint.json says what answered
    ascent_run          an ascent; ascent_record, ascent_tables
    training_run        a training
    scorers             the scorer of any classifier

What is read back:

    run_records         what a run folder says, checked where it enters
    run_kinds           evolutions and ascents, as their folders tell of them
    champions           the images, and what was recorded of each; champion_png: their files
"""
