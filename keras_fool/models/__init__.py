"""Any classifier: found by the name that a user gives it, loaded, scored.

Found, without TensorFlow:

    meanings            what outputs mean: confidences, logits, sigmoid; checked on data
    model_formats       which format a file or folder has, and what to do about others
    model_files         the SHA-256 of a model's files, and labels among them
    keras_archives      what a .keras file says of itself, before anything is loaded
    keras_h5            the same of an .h5 file
    heads               what its last layer says that its outputs mean
    endpoints           addresses of served classifiers
    model_specs         WHAT[:option]..., as a command line names classifiers
    applications        the networks of keras.applications by name
    classifiers         what such a name means
    classifier_kinds    networks and ensembles: files, labels, preprocessing, SHA-256
    saved_classifiers   where they lie on disk
    classifier_folder   where a new one goes
    label_orders        the labels of one list found in another one, by their names
    data_means          the mean of the data that one was trained on

Loaded and scored:

    keras_models        Keras models as data: no code of a file runs
    preprocessing       what turns bytes into the input of a network: one table
    layouts             how a network takes its image: size, channels, their order
    cores               a model alone: prepared images -> rows of outputs
    keras_core          the same of a Keras model
    saved_model_core    the same of a SavedModel
    onnx_core           the same of an ONNX file
    networks            one network as a TensorFlow function: images 0..255 -> confidences
    crops               what it sees of a larger image
    image_views         what reaches it of a grey image: the image, or the published code's view
    scoring             batches -> confidences, on this machine
    batch_shapes        of which sizes, so that no confidence depends on its batch
    drawing_scorer      the same for CPPNs that are drawn where they are scored
    scorer_contract     what every scorer promises
    preprocess_advice   what to say where values of another scale seem to be meant
"""
