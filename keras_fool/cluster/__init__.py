"""The same work on many machines, by Ray (https://docs.ray.io): the existing jobs, handed out.

Two grains. An evolution of several runs is cut into parts of some runs each, and a worker makes
a few generations of one part at a time. An evolution of one run stays in one place, and workers
score its batches. There is no second engine: a worker calls what one machine calls.

Who holds what:

    the command   the run folder, its checkpoints, and the whole evolution. It is the driver: it
                  takes generations in order, and writes them as on one machine
    a worker      a Ray actor: the model, and the parts that it advanced last. It writes nothing
                  and may be lost at any time
    Ray           the model's files, put into its object store once, and named by their SHA-256

What is handed out is a piece: so many generations of some runs from a given one on, or one batch.
Its key says which, and a worker answers the same whenever it is asked: pieces are repeated
freely, and of two answers the second is dropped. So

    a worker is lost        its piece goes to another one, with the state of those runs
    a worker is slow        an idle one gets the same piece; the first answer counts
    the command is lost     the same command goes on from the newest checkpoint, with --cluster or
                            without
    a signal comes          the last complete generation is saved, and the command to go on shown
    another environment     a worker with other versions, settings of oneDNN or answers to trial
                            images is refused, in one line that names both

The parts:

    addresses      what --cluster names
    connection     finds the cluster, or starts one here
    pool           its workers: pieces out, answers in, losses repaired
    worker         what runs there
    build          what must be the same on all machines
    shipping       a classifier on its way
    model          the same in Ray's object store
    part_job       runs in parts
    batch_job      batches of one run

Arguments and answers are pickled by Ray: whoever reaches the ports of a Ray cluster can run code
on it. No file is.
"""
