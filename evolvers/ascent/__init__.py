"""Images that fool a classifier, found by following its gradient.

Section E of the supplement of Nguyen, Yosinski and Clune, 2015,
https://arxiv.org/abs/1412.1897 (Figures S5 to S9).

    config       every setting, and the settings of the paper's figures
    loop         many images at once, many steps in one compiled call
    objectives   what is followed uphill
    regularisers what keeps the images plain: decay, blur, clips
    percentiles  percentiles within TensorFlow
    views        what the classifier sees where images are jittered and scaled
"""
