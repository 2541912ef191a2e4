"""Figure S8: Figure S5 again from other noise, five seeds for each of five classes."""

from keras_fool.studies import ascended_runs, ascent_figures

FIGURE = ascent_figures.Figure(
    "figure_s8",
    "Figure S8: gradient ascent with weight decay, from several starts",
    "s5",
    seeds=5,
    labels=ascended_runs.LEGIBLE,
    paper={906: (0.998959, 0.999058, 0.999118, 0.998554)},
)
EXPERIMENT = FIGURE.as_experiment()
