"""Makes classifiers from data.

- `config`: every setting that shapes a training; light to import.
- `datasets`: data sets by name; `shapes` are drawn, `image_folder` and `imagenet` read.
- `names`: names that users give: checked, compared, suggested; `regular_file`: what they read.
- `sources`, `streams`: what a training needs of them; those that do not fit into memory.
- `models`: network architectures by name.
- `caffe_weights`: the same networks with the weights in Caffe's files (`caffe_files`).
- `solver`: Caffe's stochastic gradient descent and its learning rate.
- `strategies`: which devices a training is spread over; `workers`: several processes.
- `classifier`: the training loop, exact to the bit when resumed.
- `export`: a trained model as the folder that Keras and TF Serving load.
"""
