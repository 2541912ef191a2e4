"""Figure S7: weak decay and more blur."""

from keras_fool.studies import ascent_figures

FIGURE = ascent_figures.Figure(
    "figure_s7",
    "Figure S7: gradient ascent with weak decay and more blur",
    "s7",
    paper={
        713: (0.997988,),
        782: (0.985134,),
        805: (0.987629,),
        826: (0.964308,),
        906: (0.986817,),
    },
)
EXPERIMENT = FIGURE.as_experiment()
