"""The audit of a classifier: how easily it is fooled, by what, and whether anything helps.

One module for each question, and `audit.schema.json`, the JSON Schema of what comes of it.
"""
