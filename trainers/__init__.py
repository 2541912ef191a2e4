"""Makes classifiers from data.

- `config`: every setting that shapes a training; quick to import.
- `datasets`: data sets by name; `shapes` are drawn, `image_folder` and `imagenet` are read.
- `names`: names that users give: checked, compared, suggested; `regular_file`: reads files safely.
- `sources`, `streams`: what a training needs of a data set; data sets that do not fit into memory.
- `models`: network architectures by name.
- `caffe_weights`: the same networks with weights from Caffe's files (`caffe_files`).
- `solver`: Caffe's stochastic gradient descent and its learning rate.
- `strategies`: the devices on which a training runs; `workers`: several processes.
- `classifier`: the training loop, the same to the bit if it is resumed.
- `export`: a trained model as a folder that Keras and TF Serving load.
"""
