"""Makes images that fool a scorer.

    config        Config: every setting that shapes an evolution
    canvas        Canvas: the image that a genome draws
    cppn_genome   CppnGenome: a neat-python genome with the paper's operators
    cppn          Cppn, CppnBatch: the same genomes as flat arrays
    breeding      the same operators compiled, a generation in one call
    searches      the names of searches; Mixture: how the efficient one makes children
    efficient_genome, efficient_breeding
                  other operators and choice of parents, which need fewer images
    program       CppnBatch -> Program: only what reaches an output, in order
    direct        DirectBatch: pixels are the genome
    emitters      elites -> the next batch, for either encoding
    render        programs and pixels -> images
    archive       Archive: one elite per niche
    map_elites    Evolution: many runs in lockstep; parts: some of them elsewhere
    pipeline      Pipeline: draws some images while others are scored; duplicates: which are known
    generations   Generation: what happened in one
    stored_state  the arrays from which an evolution goes on, and their check
    compiling     Numba, and where compiled code is stored; private_folder: a place for it

Nothing here reads flags or files, uses Keras, or draws from a global random stream.

A CPPN (compositional pattern-producing network, Stanley, 2007) computes the colour of every pixel
from the position of the pixel; NEAT is the algorithm that evolves such networks.
"""
