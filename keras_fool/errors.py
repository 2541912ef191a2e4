"""Errors that the user can fix, and how a command reports them.

Such an error becomes one line on stderr and an exit code; every other exception is
a defect of keras_fool and keeps its traceback.
"""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """Something failed that the user can fix: what was wrong, what was expected, what to do."""

    exit_code = 1
    kind = "error"  # how its line begins


class UsageError(UserError):
    """The command line itself asks for something impossible."""

    exit_code = 2


class MisuseError(ValueError):
    """What is asked for is wrong by itself, whatever is on the machine: no file is missing.

    Libraries raise it where a word is unknown, or words do not go together; `reported` makes a
    `UsageError` of it.
    """


class StoppedError(UserError):
    """The user stopped the command; what it had is saved."""

    kind = "note"

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number  # as shells report it


class UnfinishedError(UserError):
    """`keras_fool.fool` could not go on.

    Attributes:
        result: The `keras_fool.Result` of what there was until then.
    """

    def __init__(self, message: str, result: object):
        super().__init__(message)
        self.result = result


@contextlib.contextmanager
def reported(*kinds: type[Exception], as_error: type[UserError] = UserError) -> Iterator[None]:
    """Turns exceptions of `kinds` raised inside into `as_error` with the same message.

    A `MisuseError` always becomes a `UsageError`. For the places where a user's names and files
    enter the libraries below, which raise `ValueError` and `OSError` with messages for users.
    """
    try:
        yield
    except UserError:
        raise
    except kinds as error:
        kind = UsageError if isinstance(error, MisuseError) else as_error
        raise kind(str(error)) from error


@contextlib.contextmanager
def about_words() -> Iterator[None]:
    """Turns a `ValueError` raised inside into a `MisuseError`: where words are read, and no file.

    Raises:
        MisuseError: With the same message.
    """
    try:
        yield
    except MisuseError:
        raise
    except ValueError as error:
        raise MisuseError(str(error)) from error


@contextlib.contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Says how to install packages that imports inside may lack.

    Args:
        extra: The extra of setup.py that has them.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"this needs {error.name}, which is not installed: pip install -e '.[{extra}]'"
        ) from error
