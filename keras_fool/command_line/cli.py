"""How every command starts and ends: flags, help, exit codes, errors in one line.

`absl.app.run` exits with 1 on a wrong flag and prints pages of other modules' flags;
here a wrong flag is one line and exit code 2, and `--help` is the command's own text.
"""

import contextlib
import datetime
import io
import os
import pathlib
import re
import shlex
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from evolvers import private_folder
from keras_fool import errors
from keras_fool.command_line import common_flags
from keras_fool.runs import stopping
from trainers import names

FLAGS = flags.FLAGS
# 128 + the signal's number, as shells report it.
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
    _take_any_stream()
    _find_place_for_fonts()
    try:
        try:
            with stopping.answered():
                exit_code = _exit_code(main, uses, list(sys.argv if argv is None else argv))
        except KeyboardInterrupt as error:
            number = getattr(error, "number", signal.SIGINT)
            words = getattr(error, "words", "stopped before it was complete.")
            exit_code = _fail(words, 128 + number, "interrupted")
        if argv is None:
            stopping.leave_to_the_system()  # it is complete; what ends now is Python
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads stdout any more, as in `--help | head`
        _give_up_stdout()
        exit_code = _NOBODY_READS
    except OSError as error:  # a full disk
        _give_up_stdout()
        exit_code = exit_code or _fail(f"standard output: {error.strerror}", 1)
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
        return _fail(_of_the_system(error), 1)
    return 0


def _of_the_system(error: OSError) -> str:
    """What the system refused, and where."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return "the current folder was removed: change to one that is there, and start again."
    return f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")


def _take_any_stream() -> None:
    """Lets every text be printed, to whatever the standard streams are.

    A terminal of ASCII shows other letters by their numbers. What is closed takes all and shows
    nothing; the next file to be opened would be taken for it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            mode = "w" if number else "r"
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _find_place_for_fonts() -> None:
    """Lets Matplotlib keep what it knows of fonts where it can, rather than say that it cannot."""
    if "MPLCONFIGDIR" in os.environ:
        return
    home = os.path.expanduser("~")
    for variable, default in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
        place = os.environ.get(variable) or os.path.join(home, default)
        path = os.path.join(place, "matplotlib")
        while not os.path.exists(path) and os.path.dirname(path) != path:
            path = os.path.dirname(path)
        if not os.path.isabs(path) or not os.access(path, os.W_OK | os.X_OK):
            with contextlib.suppress(OSError):
                os.environ["MPLCONFIGDIR"] = str(private_folder.private_folder("matplotlib"))
            return


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
        with stopping.speaking_to(stderr):
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
    _say(f"note: {names.shown(message)}")


def run_path(name: str) -> pathlib.Path:
    """--workdir, or a folder under runs/ that is not there yet.

    Args:
        name: What is run, such as "mnist_a/1-seed1"; the time is added.
    """
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    name = as_file_name(f"{name.replace('.keras', '').replace('/', '-')}-{now}")
    path, number = pathlib.Path("runs") / name, 1
    while path.exists():
        number += 1
        path = path.with_name(f"{name}-{number}")
    return path


def as_file_name(text: str) -> str:
    """A text as a file can be called by it, whatever letters the locale has."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


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
    _say(f"{kind}: {names.shown(' '.join(message.split()))}")
    return exit_code


def _say(line: str) -> None:
    # A full disk, or nobody who reads: no reason to lose what is being computed.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


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
    name = module.__spec__.name if module.__spec__ else module.__name__
    return name.removesuffix(".__main__")


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
