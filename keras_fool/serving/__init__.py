"""TF Serving: its client, and a local server of the same API that is not TF Serving.

The client:

    client           an endpoint as a scorer
    image_call       how images go through a signature, and confidences come back
    transport        what a protocol is to the client; grpc_transport, rest_transport: the two
    replicas         several addresses of one model
    pacing           budgets and rates

The server, behind `python -m keras_fool.serve`; needs the extra `serving`:

    status           errors with the codes of gRPC, and what HTTP calls them
    loaded_version   LoadedVersion: a SavedModel in a session, called by its signatures
    model_versions   ModelVersions: version folders polled, loaded, swapped, labelled
    scheduling       runs of a model: so many at a time, in pieces or batched over requests
    predict          Predictor: what both protocols do to answer a request
    tensors          TensorProto <-> arrays
    grpc_server      PredictionService, ModelService, the health service
    grpc_admission   which of gRPC's requests get in, and for how long
    rest_json        TF Serving's JSON <-> arrays; rest_rows: rows, rest_values: values
    rest_api         REST routes: method, path and body -> answer
    rest_server      HTTP around them: sizes, time, gzip; rest_bodies: bytes that come
    short_log        what libraries log of it, in a line a minute
    metrics          what Prometheus reads
    server           all of them together, from start to clean end

And what it serves, behind `python -m keras_fool.export`:

    saved_model      any classifier as the folder that TF Serving loads
"""
