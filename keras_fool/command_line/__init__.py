"""How commands read what a user types, and how they end.

cli              flags, help, exit codes, errors in one line
common_flags     flags that several commands share; model_flags, endpoint_flags: their values
label_choice     the labels and seeds that a user names
label_names      a file with the names of labels
"""
