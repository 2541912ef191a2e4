"""How commands read what a user types, and how they end.

    common_flags     flags that several commands share; model_flags, endpoint_flags, flag_values:
                     their values; old_names: the names that flags had before
    flag_groups      all flags of a command, in groups; help_text: the text of --help
    label_choice     labels, seeds and runs that a user names
    label_names      a file with the names of labels
    path_flags       flags that are paths, where ~ is the user's folder; lists of run folders
    next_steps       what to try after a command
    run_tables       what is printed when a run is complete

`cli` starts and ends every command: flags, help, exit codes, errors in one line.
"""
