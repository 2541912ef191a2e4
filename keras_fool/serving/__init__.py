"""TF Serving: a client, and a local server of the same API that is not TF Serving.

    client    scores images at an endpoint
    server    what `python -m keras_fool.serve` runs, and the folders that it serves
    tensors   TensorProto <-> arrays, for both

Neither of the two imports the other. Both need the extra `serving`. Addresses of endpoints are
in `keras_fool.models.endpoints`.
"""
