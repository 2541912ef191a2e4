"""A picture of images evolved through a view: each as it is stored, and as the network got it."""

import numpy as np

from keras_fool.models import image_views
from keras_fool.runs import champions
from keras_fool.sheets import sheet_drawing, tile_sheets
from keras_fool.studies import experiment


def draw(found: champions.Champions, context: experiment.Context) -> bytes:
    """The champions of the first run of an evolution.

    Args:
        found: Images that were evolved through another view than the plain one.
        context: The experiment's.

    Returns:
        A PNG file: a row of the stored images, and one for each thing that the view does.
    """
    classifier = champions.original(found, [])
    images = found.take(found.runs == found.runs.min()).images
    view, mean = classifier.views.view, None
    rows = {"the PNG": images}
    if image_views.places(view, *images.shape[1:3]) is not None:
        rows["the copies"] = image_views.seen(images, "published_no_mean", None)
    if classifier.mean_path is not None:
        mean = image_views.read_mean(classifier.mean_path, images.shape[1:])
        # From -255..255: the middle grey is 0.
        rows["minus the mean"] = (image_views.seen(images, view, mean) + 255) / 2
    tiles = [
        [tile_sheets.Tile(np.rint(image).astype(np.uint8)) for image in row]
        for row in rows.values()
    ]
    sheet = tile_sheets.sheet(
        tiles,
        title=context.title("What the network gets of an image"),
        subtitle=f"one run against {classifier.name}, its champion of each label; the "
        "last row is what the network gets" + (" (grey is 0)" if mean is not None else ""),
        row_names=list(rows),
        column_names=found.labels,
        side=84,
    )
    return sheet_drawing.png(sheet)
