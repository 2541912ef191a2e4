"""Figure S5: gradient ascent with weight decay, a seed for each of 20 classes."""

from keras_fool.studies import ascent_figures

FIGURE = ascent_figures.Figure(
    "figure_s5",
    "Figure S5: gradient ascent with weight decay",
    "s5",
    paper={
        713: (0.999439,),
        782: (0.992874,),
        805: (0.988835,),
        826: (0.996818,),
        906: (0.998959,),
    },
    average=98.591,
)
EXPERIMENT = FIGURE.as_experiment()
