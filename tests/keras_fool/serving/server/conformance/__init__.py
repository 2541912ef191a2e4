"""What TF Serving answers, and so must the local server: a test per case, by its number.

Every test runs against the local server. Those that need no server of their own also run
against a real one, where `TFSERVING_GRPC` (host:port) and `TFSERVING_REST`
(http://host:port) say where it is, serving the samples:

    python -m tests.keras_fool.serving.samples /tmp/samples
    docker run --rm -p 8500:8500 -p 8501:8501 -v /tmp/samples/zoo:/models/zoo:ro \
        -e MODEL_NAME=zoo tensorflow/serving:2.20.0
    TFSERVING_GRPC=127.0.0.1:8500 TFSERVING_REST=http://127.0.0.1:8501 \
        python -m pytest tests/keras_fool/serving/server/conformance

Not covered: of case 3, the codes that no request can provoke are only looked up in a
table; of case 23, the limit of 2^31-1 bytes (a message above 4 MB is sent); of case 26,
the real interval of a minute; of case 28, that a warm-up file warms. Cases 25 to 30 and
labels that exist are not asked of a real server, which would need other flags.
"""
