"""A local server of TF Serving's API, and the folders that it serves.

    server            all parts together, from start to clean end
    status            errors with the codes of gRPC, and the HTTP status of each

A model:

    saved_model       writes any classifier as a version folder; `python -m keras_fool.export`
    loaded_version    loads a version folder into a session, and calls its signatures
    model_versions    version folders polled, loaded, swapped, labelled
    scheduling        how many calls run at a time, and which requests share one
    predict           answers a request: version, signature, run

gRPC:

    grpc_server       PredictionService, ModelService, the health service
    grpc_admission    which requests are let in, and for how long

REST:

    rest_server       HTTP: routes, sizes, times, numbers
    rest_bodies       the bytes of bodies that are still coming
    rest_api          what each route answers
    json_requests     requests in TF Serving's JSON -> arrays
    json_values       their values, and why a value is refused
    json_answers      arrays -> answers in TF Serving's JSON

Beside the requests:

    metrics           what Prometheus reads
    short_log         what libraries log, in a line a minute
"""
