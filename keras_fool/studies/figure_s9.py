"""Figure S9: Figure S7 again from other noise, five seeds for each of five classes."""

from keras_fool.studies import ascended_runs, ascent_figures

FIGURE = ascent_figures.Figure(
    "figure_s9",
    "Figure S9: gradient ascent with weak decay and more blur, from several starts",
    "s7",
    seeds=5,
    labels=ascended_runs.LEGIBLE,
)
EXPERIMENT = FIGURE.as_experiment()
