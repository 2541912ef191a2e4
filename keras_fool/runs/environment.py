"""What of a process's environment decides the last bits of what TensorFlow computes on a CPU."""

import os

from keras_fool.models import kernel_threads

_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# They choose other kernels or another precision where they are set.
_OTHERS = (
    "TF_SET_ONEDNN_FPMATH_MODE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TF_XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
)


def recorded() -> dict[str, str]:
    """The variables by name, for config.json.

    TF_ENABLE_ONEDNN_OPTS is "1" or "0", whichever holds: where it is not set, that depends
    on the processor. TF_NUM_INTRAOP_THREADS is the number of threads, which is that of the cores
    where it is not set; it is left out where a GPU computes. The others are in it where they are
    set.
    """
    # Slow to import, and in memory already where something is computed.
    from tensorflow.python.util import _pywrap_util_port

    found = {_ONEDNN: "1" if _pywrap_util_port.IsMklEnabled() else "0"}
    if (threads := kernel_threads.count()) is not None:
        found[kernel_threads.VARIABLE] = str(threads)
    return found | {name: os.environ[name] for name in _OTHERS if os.environ.get(name)}


def compare(begun: object, path: object) -> None:
    """Checks that a folder was begun in the environment of this process.

    Args:
        begun: What config.json says; None in folders from before it was recorded, and without the
            number of threads in those from before that was, or where a GPU computed.
        path: The folder, for the message.

    Raises:
        ValueError: It was another one.
    """
    if begun is None:
        return
    if not isinstance(begun, dict):
        raise ValueError(f"the environment in {path}/config.json is damaged.")
    here = recorded()
    for name in [*here, *begun]:
        if name == kernel_threads.VARIABLE and not (name in begun and name in here):
            continue
        if here.get(name) != begun.get(name):
            raise ValueError(
                f"{path} was begun with {_said(name, begun)}, and here {_said(name, here)} "
                "holds, which changes the last bits of results: set it as it was, or choose "
                "another --workdir."
            )


def _said(name: str, variables: dict[str, str]) -> str:
    return f"{name}={variables[name]}" if name in variables else f"{name} unset"
