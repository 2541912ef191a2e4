"""How commands read what a user types, and how they end.

    common_flags     flags that several commands share; model_flags, endpoint_flags: their values
    label_choice     the labels and seeds that a user names
    label_names      a file with the names of labels
    path_flags       flags that are paths, where ~ is the user's folder; lists of run folders

`cli` starts and ends every command: flags, help, exit codes, errors in one line.
"""
