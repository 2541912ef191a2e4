"""How every command starts and ends: flags, help, exit codes, errors in one line.

`absl.app.run` exits with 1 on a wrong flag and prints pages of other modules' flags;
here a wrong flag is one line and exit code 2, and `--help` is the command's own text.
"""

import contextlib
import datetime
import os
import pathlib
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import common_flags
from trainers import names

FLAGS = flags.FLAGS
# 128 + the signal's number, as shells report it.
_INTERRUPTED = 130
_NOBODY_READS = 141


def run(
    main: Callable[[Sequence[str]], None],
    uses: Sequence[flags.FlagHolder] = (),
    argv: Sequence[str] | None = None,
) -> None:
    """Parses the flags, calls `main(positional arguments)` and exits the process.

    Args:
        main: The command; `main.__module__`'s docstring is the text of `--help`.
        uses: The flags of `common_flags` that this command takes; another one on
            the command line is refused rather than ignored.
        argv: The command line, program name first; `sys.argv` by default.
    """
    # TensorFlow's start-up notes are not the user's concern; set before it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        exit_code = _exit_code(main, uses, list(sys.argv if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads stdout any more, as in `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        exit_code = _NOBODY_READS
    sys.exit(exit_code)


def _exit_code(main: Callable, uses: Sequence[flags.FlagHolder], argv: list[str]) -> int:
    program = f"python -m {_module_name(main)}"
    if any(word in ("--help", "-help", "-h", "--helpshort", "--helpfull") for word in argv[1:]):
        print(_help(main, uses))
        return 0
    debug = False
    try:
        try:
            arguments = FLAGS(argv)[1:]
        except flags.Error as error:
            message = f"{error}{_suggestion(error)} See {program} --help."
            raise errors.UsageError(message.replace("..", ".")) from error
        debug = common_flags.DEBUG.value
        if debug:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        _refuse_unused(uses)
        main(arguments)
    except errors.UserError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_code, error.kind)
    except BrokenPipeError:
        raise
    except OSError as error:
        if debug:
            raise
        return _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), 1)
    except KeyboardInterrupt:
        return _fail("what was saved stays.", _INTERRUPTED, "interrupted")
    return 0


@contextlib.contextmanager
def native_messages_hidden() -> Iterator[None]:
    """Keeps what C++ libraries write to stderr while they start from the user.

    TensorFlow says that it found no GPU and which instructions it was built for,
    several times and whatever TF_CPP_MIN_LOG_LEVEL asks for. `--debug` shows it.
    """
    if common_flags.DEBUG.value:
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def no_arguments(arguments: Sequence[str]) -> None:
    """Refuses positional arguments, for commands that take only flags.

    Raises:
        UsageError: There are some.
    """
    if arguments:
        raise errors.UsageError(
            f"unexpected argument {arguments[0]!r}: every setting is a --flag=value."
        )


def note(message: str) -> None:
    """Tells the user something besides the command's output: a line on stderr."""
    print(f"note: {names.shown(message)}", file=sys.stderr, flush=True)


def run_path(name: str) -> pathlib.Path:
    """--workdir, or a folder under runs/ that is not there yet.

    Args:
        name: What is run, such as "mnist_a/1-seed1"; the time is added.
    """
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    name = f"{name.replace('.keras', '').replace('/', '-')}-{now}"
    path, number = pathlib.Path("runs") / name, 1
    while path.exists():
        number += 1
        path = path.with_name(f"{name}-{number}")
    return path


def command_to_go_on(main: Callable, path: pathlib.Path | None = None) -> str:
    """What the user types to go on with a run that is stopped.

    Args:
        main: The command, as `run` takes it.
        path: The folder that `run_path` made up, to be named by --workdir.
    """
    words = ["python", "-m", _module_name(main), *sys.argv[1:]]
    if path is not None and common_flags.WORKDIR.value is None:
        words.append(f"--workdir={path}")
    return shlex.join(words)


def _fail(message: str, exit_code: int, kind: str = errors.UserError.kind) -> int:
    line = names.shown(" ".join(message.split()))
    print(f"{kind}: {line}", file=sys.stderr)
    return exit_code


def _suggestion(error: flags.Error) -> str:
    """What may have been meant by a value that is not among those of its flag."""
    wrong = re.match("flag --([^=]+)=(.*): value should be one of <", str(error), re.DOTALL)
    if wrong is None:
        return "."
    return names.did_you_mean(wrong[2], FLAGS[wrong[1]].parser.enum_values) or "."


def _refuse_unused(uses: Sequence[flags.FlagHolder]) -> None:
    taken = {holder.name for holder in uses} | {common_flags.DEBUG.name}
    for flag in FLAGS.flags_by_module_dict()[common_flags.__name__]:
        if flag.present and flag.name not in taken:
            raise errors.UsageError(f"--{flag.name} has no meaning for this command.")


def _module_name(main: Callable) -> str:
    module = sys.modules[main.__module__]
    return module.__spec__.name if module.__spec__ else module.__name__


def _help(main: Callable, uses: Sequence[flags.FlagHolder]) -> str:
    module = sys.modules[main.__module__]
    own = FLAGS.flags_by_module_dict().get(
        sys.argv[0] if module.__name__ == "__main__" else module.__name__, []
    )
    shared = [FLAGS[holder.name] for holder in uses] + [FLAGS[common_flags.DEBUG.name]]
    lines = [module.__doc__.strip(), "", "Flags:"]
    for flag in sorted(
        {flag.name: flag for flag in [*own, *shared]}.values(), key=lambda f: f.name
    ):
        default = "" if flag.default is None else f" (default {_shown(flag.default)})"
        choices = getattr(flag.parser, "enum_values", None)
        kind = f" One of {', '.join(choices)}." if choices else ""
        lines.append(f"  --{flag.name}")
        lines.append(
            textwrap.fill(
                flag.help + kind + default, 88, initial_indent=" " * 6, subsequent_indent=" " * 6
            )
        )
    return "\n".join(lines)


def _shown(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, list) else str(default)
