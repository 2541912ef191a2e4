"""The run that `evolve` or `ascend` makes, from the flags that both take."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from keras_fool import errors, fooling
from keras_fool.command_line import cli, common_flags, flag_groups, flag_values
from keras_fool.models import classifiers

Settings = TypeVar("Settings")


def settings(
    argv: Sequence[str],
    uses: flag_groups.Groups,
    of_given: Callable[[Mapping[str, Any]], Settings],
) -> tuple[Settings, int | None]:
    """The run's settings and --score_batch, where nothing but flags is given.

    Args:
        argv: What is given besides flags, and is refused.
        uses: The flags that the command takes.
        of_given: `arguments.evolution` or `arguments.ascent`.

    Raises:
        UsageError: A value is impossible, or they do not go together.
    """
    cli.no_arguments(argv)
    with errors.reported(ValueError, as_error=errors.UsageError):
        return of_given(flag_values.given(uses)), flag_values.score_batch()


def work(
    main: Callable,
    path: pathlib.Path,
    classifier: classifiers.AnyClassifier,
    labels: str | None,
    score_batch: int | None,
) -> fooling.Work:
    """What is made; says that TensorFlow is being loaded.

    Args:
        main: The command, as `cli.run` takes it.
        path: The run folder.
        classifier: What is fooled.
        labels: Which of its labels; None for what is usual.
        score_batch: Images in one call of the model; None for what suits.
    """
    cli.loading(path)
    return fooling.Work(
        path,
        classifier,
        labels,
        score_batch,
        {
            "command": cli.command_to_go_on(main, path),
            "note": cli.note,
            "dataset": common_flags.DATASET.value,
            "checkpoint_every": common_flags.CHECKPOINT_EVERY.value,
        },
        hidden=cli.native_messages_hidden,
        opening=cli.opening,
    )


def say_if_before(made: fooling.Made, path: pathlib.Path) -> None:
    """Says that nothing was done where the run was complete before."""
    if made.before:
        print(f"{path} is complete already; nothing was changed.")
