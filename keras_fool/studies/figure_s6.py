"""Figure S6: weak decay, a slight blur, and the faintest fifth of pixels set to the mean."""

from keras_fool.studies import ascent_figures

FIGURE = ascent_figures.Figure(
    "figure_s6",
    "Figure S6: gradient ascent with weak decay, slight blur and pseudo-L1 clipping",
    "s6",
)
EXPERIMENT = FIGURE.as_experiment()
