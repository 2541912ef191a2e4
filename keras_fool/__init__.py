"""What you run: the commands, and what joins classifiers and evolution.

`python -m keras_fool` lists the commands.
"""
