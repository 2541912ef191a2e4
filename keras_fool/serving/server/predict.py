"""What both protocols do to answer a request: find a version and a signature, and run it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2

from keras_fool.serving.server import loaded_version, model_versions, scheduling, status

DEFAULT_SIGNATURE = "serving_default"


class Predictor:
    """Answers requests to the versions of a model.

    Attributes:
        versions: What is loaded.
    """

    def __init__(self, versions: model_versions.ModelVersions, scheduled: scheduling.Scheduler):
        """Joins the versions and the scheduler of their runs."""
        self.versions = versions
        self._runs = scheduled

    @contextmanager
    def use(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[loaded_version.LoadedVersion]:
        """As `ModelVersions.use`."""
        with self.versions.use(name, version, label) as loaded:
            yield loaded

    def run(
        self,
        loaded: loaded_version.LoadedVersion,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        output_filter: Sequence[str] = (),
        *,
        wanted: Callable[[], bool] = lambda: True,
    ) -> dict[str, np.ndarray]:
        """Runs a signature of a version that is in use.

        Args:
            loaded: The version.
            signature_name: Its signature.
            inputs: Its inputs by alias.
            output_filter: The outputs that are wanted; all by default.
            wanted: Asked between the runs of a large request whether the client still waits.

        Returns:
            The outputs by alias.

        Raises:
            ServingError: The inputs are not those of the signature, an output is unknown or named
                twice, or the model refuses the inputs; CANCELLED, the client does not wait any
                more.
        """
        signature = loaded.signature(signature_name)
        _check_inputs(signature, inputs)
        _check_outputs(signature, output_filter)
        outputs = self._runs.run(
            (id(loaded), signature_name),
            lambda arrays: loaded.call(signature_name, arrays),
            inputs,
            wanted,
        )
        return {alias: outputs[alias] for alias in output_filter or outputs}


def _check_inputs(signature: meta_graph_pb2.SignatureDef, inputs: Mapping[str, object]) -> None:
    sent, expected = sorted(inputs), sorted(signature.inputs)
    if len(sent) != len(expected):
        extra = [alias for alias in sent if alias not in expected]
        missing = [alias for alias in expected if alias not in sent]
        raise status.invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({{{','.join(sent)}}}) != len({{{','.join(expected)}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )
    for alias in expected:
        if alias not in inputs:
            raise status.invalid(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not "
                "found in request and no default value provided. Inputs expected to be in the "
                f"request {{{','.join(sent)}}}, or default input alias set: "
            )


def _check_outputs(signature: meta_graph_pb2.SignatureDef, output_filter: Sequence[str]) -> None:
    for number, alias in enumerate(output_filter):
        if alias not in signature.outputs:
            raise status.invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {{{','.join(sorted(signature.outputs))}}}."
            )
        if alias in output_filter[:number]:
            raise status.invalid(f"duplicate output tensor alias: {alias}")
