"""What a run that is not complete has come to: the champions in its newest checkpoint."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from evolvers import canvas as canvas_module
from evolvers import config as evolvers_config
from evolvers import genome_json, stored_state
from keras_fool.runs import champion_png, checkpoints, run_records, tables


def champions(
    records: run_records.RunRecords,
) -> tuple[list[champion_png.Champion], int]:
    """The champions of the last complete generation, or the images of the last step.

    The confidences of an ascent are those before its images were rounded to bytes.

    Args:
        records: Of a run folder.

    Returns:
        Champions as the end of the run would write them, in the order of runs and labels, and the
        number of the last generation or step.

    Raises:
        ValueError: There is no whole checkpoint, or it is not one of this run.
    """
    folder = records.folder / "checkpoint"
    state, _ = checkpoints.CheckpointFolder(folder).newest()
    if state is None:
        raise ValueError(
            f"the run in {records.folder} has only begun: there is no generation or step in it "
            "that is complete."
        )
    try:
        if records.kind.has_genomes:
            return list(_evolved(records, state)), int(state["generation"])
        return list(_ascended(records, state)), int(state["step"]) - 1
    except ValueError as error:
        raise ValueError(f"the newest checkpoint in {folder}: {error}") from error


def _evolved(
    records: run_records.RunRecords, state: Mapping[str, np.ndarray]
) -> Iterator[champion_png.Champion]:
    settings, niches = records.config["settings"], records.kind.niches
    names = [field.name for field in dataclasses.fields(evolvers_config.Config)]
    config = evolvers_config.Config(**{name: settings[name] for name in names if name in settings})
    height, width, channels = records.image_shape
    canvas = canvas_module.Canvas(height, width, channels, config.coords)
    stored_state.check(state, config, canvas, len(niches), len(records.labels))
    genomes = stored_state.genomes(state, config, canvas)
    for run, places in zip(records.kind.runs, state["niches"], strict=True):
        for label, place in zip(niches, places, strict=True):
            about = {
                "run": run,
                "label": label,
                "label_name": records.labels[label],
                "confidence": tables.number(state["confidences"][place, label]),
                "generation": state["born"][place],
                "id": tables.unique_id(run, int(state["identity"][place])),
            }
            yield champion_png.Champion(
                state["images"][place],
                genome_json.dumps(genomes[place], canvas),
                {name: str(value) for name, value in about.items()},
            )


def _ascended(
    records: run_records.RunRecords, state: Mapping[str, np.ndarray]
) -> Iterator[champion_png.Champion]:
    targets = [(run, label) for run in records.kind.runs for label in records.kind.niches]
    number = len(targets)
    offsets = state.get("offsets", np.array(None))
    confidences = state.get("last_confidence", np.array(None))
    step = int(state["step"])
    for array, shape in ((offsets, (number, *records.image_shape)), (confidences, (number,))):
        if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"expected finite numbers of shape {list(shape)}.")
    if step < 1 or not ((confidences >= 0) & (confidences <= 1)).all():
        raise ValueError("expected a step from 1 on, and confidences in 0..1.")
    mean = np.asarray(records.config["settings"]["mean"], np.float32)
    images = np.rint(np.clip(offsets + mean, np.float32(0), np.float32(255))).astype(np.uint8)
    for (run, label), image, confidence in zip(targets, images, confidences, strict=True):
        about = {
            champion_png.MADE_BY: records.kind.made_by,
            "run": run,
            "label": label,
            "label_name": records.labels[label],
            "confidence": tables.number(confidence),
            "step": step - 1,
        }
        texts = {name: str(value) for name, value in about.items()}
        yield champion_png.Champion(image, "", texts)
