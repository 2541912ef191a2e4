"""Images that fool a classifier, found by following its gradient.

Section E of the supplement of Nguyen, Yosinski and Clune, 2015,
https://arxiv.org/abs/1412.1897 (Figures S5 to S9).

    config       every setting, and the settings of the paper's figures
    loop         many images at once, many steps in one compiled call
    objectives   what the ascent increases
    regularisers what keeps the images simple: decay, blur, clips
    percentiles  percentiles in TensorFlow
    views        what the classifier sees if images are jittered and scaled
"""
