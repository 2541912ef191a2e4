"""Makes classifiers from data.

- `config`: every setting that shapes a training; light to import.
- `datasets`: named data sets as arrays.
- `models`: network architectures by name.
- `solver`: Caffe's stochastic gradient descent and its learning rate.
- `strategies`: which devices a training is spread over.
- `classifier`: the training loop, exact to the bit when resumed.
- `export`: a trained model as the folder that Keras and TF Serving load.
"""
