"""Gradient ascent without regularisation, as the main paper shows it."""

from keras_fool.studies import ascent_figures

FIGURE = ascent_figures.Figure(
    "ascent_plain",
    "Gradient ascent without regularisation",
    "plain",
    average=99.99,
)
EXPERIMENT = FIGURE.as_experiment()
