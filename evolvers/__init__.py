"""Makes images that fool a scorer.

    config        Config: every setting that shapes an evolution
    canvas        Canvas: what a genome is drawn on
    cppn_genome   CppnGenome: a neat-python genome with the paper's operators
    cppn          Cppn, CppnBatch: the same genomes as flat arrays
    breeding      the same operators compiled, a generation per call
    program       CppnBatch -> Program: only what reaches an output, in order
    direct        DirectBatch: pixels are the genome
    emitters      elites -> the next batch, for either encoding
    render        programs and pixels -> images
    archive       Archive: one elite per niche
    map_elites    Evolution: many runs in lockstep
    compiling     Numba, and where what it compiles is kept; private_folder: a place for that

Nothing here reads flags or files, knows Keras, or draws from a global random stream.
"""
