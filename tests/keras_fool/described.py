"""That TensorBoard has a description of all that it shows of a run."""

import pathlib

from tensorboard.backend.event_processing import event_accumulator


def undescribed(folder: pathlib.Path) -> list[str]:
    """The tags in a folder without a description."""
    events = event_accumulator.EventAccumulator(str(folder)).Reload()
    tags = [tag for of_kind in ("scalars", "tensors") for tag in events.Tags()[of_kind]]
    assert tags
    return [
        tag
        for tag in tags
        if not tag.startswith("_hparams_/") and not events.SummaryMetadata(tag).summary_description
    ]
