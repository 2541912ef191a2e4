"""How every command starts and ends: flags, help, exit codes, errors in one line.

`absl.app.run` exits with 1 on a wrong flag and prints pages of other modules' flags; here a wrong
flag is one line and exit code 2, and `--help` is about the command alone.
"""

import contextlib
import dataclasses
import datetime
import io
import math
import os
import pathlib
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from absl import flags

from evolvers import private_folder
from keras_fool import errors, start_up
from keras_fool.command_line import common_flags, flag_groups, help_text, old_names
from keras_fool.models import model_formats
from keras_fool.runs import stopping, workdir
from trainers import names

FLAGS = flags.FLAGS
# 128 + the signal's number, as shells report it.
_NOBODY_READS = 141
_said_loading = False


def run(
    main: Callable[[Sequence[str]], None],
    uses: flag_groups.Groups = flag_groups.NONE,
    argv: Sequence[str] | None = None,
) -> None:
    """Parses the flags, calls `main(positional arguments)` and exits the process.

    Args:
        main: The command; `main.__module__`'s docstring is the text of `--help`.
        uses: The flags that this command takes, as `--help` shows them; another one on the
            command line is refused rather than ignored.
        argv: The command line, program name first; `sys.argv` by default.
    """
    # TensorFlow's start-up messages are no news to users; set before it is imported.
    os.environ.setdefault(start_up.LOG_LEVEL, "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    _take_any_stream()
    _find_place_for_fonts()
    try:
        try:
            with stopping.answered():
                exit_code = _exit_code(main, uses, argv)
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


def _exit_code(main: Callable, uses: flag_groups.Groups, argv: Sequence[str] | None) -> int:
    program = f"python -m {_module_name(main)}"
    given = list(sys.argv if argv is None else argv)
    if any(word in ("--help", "-help", "-h", "--helpshort", "--helpfull") for word in given[1:]):
        print(_help(main, uses, in_full="--helpfull" in given[1:]))
        return 0
    debug = False
    try:
        try:
            command = _module_name(main).rpartition(".")[2]
            if argv is None:  # what `command_to_go_on` repeats
                sys.argv[1:], _ = old_names.replaced(given[1:], command)
            words = FLAGS.read_flags_from_files(given[1:], force_gnu=False)
            words, renamed = old_names.replaced(words, command)
            arguments = FLAGS([*given[:1], *words])[1:]
        except flags.Error as error:
            message = f"{error}{_suggestion(error)} See {program} --help."
            raise errors.UsageError(message.replace("..", ".")) from error
        debug = common_flags.DEBUG.value
        if debug:
            os.environ[start_up.LOG_LEVEL] = "0"
        _refuse_unused(uses)
        _refuse_nan()
        if renamed:
            note(f"{', '.join(renamed)}; the old names end with the next release.")
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
        return _fail(_system_message(error), 1)
    return 0


def _system_message(error: OSError) -> str:
    """What the system refused, and for which file."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return "the current folder was removed: change to one that exists, and start again."
    return f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")


def _take_any_stream() -> None:
    """Lets every text be printed, to whatever the standard streams are.

    A terminal of ASCII shows other letters by their numbers. A closed stream is opened to nowhere,
    as otherwise the next file that is opened would take its number. Each line of stderr is written
    at once, or lost.
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
    own = sys.__stderr__
    raw = getattr(own and own.buffer, "raw", None)
    if own is not None and sys.stderr is own and isinstance(raw, io.FileIO):
        # What a full disk does not take would stay in its buffer, and fail again with what follows.
        sys.stderr = io.TextIOWrapper(raw, own.encoding, "backslashreplace", line_buffering=True)


def _give_up_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _find_place_for_fonts() -> None:
    """Gives Matplotlib a folder for its list of fonts where it would warn that it has none."""
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
    """Hides what C++ libraries write to stderr while they start; `--debug` shows it."""
    if common_flags.DEBUG.value:
        yield
        return
    with start_up.hidden() as stderr, stopping.speaking_to(stderr):
        yield


@contextlib.contextmanager
def opening() -> Iterator[None]:
    """Says that TensorFlow is being loaded, and hides what it writes: a complete run goes on."""
    loading()
    with native_messages_hidden():
        yield


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
    """Tells the user something besides the command's output, in a line on stderr."""
    _say(f"note: {names.shown(message)}")


def loading(folder: pathlib.Path | None = None) -> None:
    """Says once, before the seconds that it takes, that TensorFlow is being loaded.

    Nothing where it is loaded already, or where `folder` holds a complete run, which may need none.

    Args:
        folder: Where results go.
    """
    global _said_loading
    complete = folder is not None and (folder / workdir.CHAMPIONS).is_file()
    if not complete and not _said_loading and sys.modules.get("tensorflow") is None:
        _said_loading = True
        note(f"{f'results go to {folder}; ' if folder else ''}loading TensorFlow.")


def run_path(name: str) -> pathlib.Path:
    """--workdir, or a folder under runs/ that does not exist yet.

    Args:
        name: What is run, such as "mnist_a/1-seed1"; the time is added.
    """
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in model_formats.SUFFIXES:
        name = name.replace(suffix, "")
    name = as_file_name(f"{name.replace('/', '-')}-{now}")
    path, number = pathlib.Path("runs") / name, 1
    while path.exists():
        number += 1
        path = path.with_name(f"{name}-{number}")
    return path


def as_file_name(text: str) -> str:
    """A text as a file's name, whatever letters the locale has."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def write_folder(folder: pathlib.Path, contents: Mapping[str, bytes], summary: str) -> None:
    """Writes files into a folder, all or none of them, and prints the summary and their paths.

    Args:
        folder: The folder, which may exist.
        contents: By name, what is in each file.
        summary: What the command found, as Markdown.
    """
    from keras_fool.runs import files
    from keras_fool.studies import tables

    folder.mkdir(parents=True, exist_ok=True)
    by_path = {folder / as_file_name(name): content for name, content in contents.items()}
    files.write_all(by_path)
    print(tables.in_terminal(summary))
    for path in sorted(by_path):
        print(path)


def command_to_go_on(main: Callable, path: pathlib.Path | None = None) -> str:
    """The command line that continues a stopped run.

    Args:
        main: The command, as `run` takes it.
        path: The folder that `run_path` chose, to be named by --workdir.
    """
    words = ["python", "-m", _module_name(main), *sys.argv[1:]]
    if path is not None and common_flags.WORKDIR.value is None:
        words.append(f"--workdir={path}")
    return shlex.join(words)


def _fail(message: str, exit_code: int, kind: str = errors.UserError.kind) -> int:
    _say(f"{kind}: {names.shown(' '.join(message.split()))}")
    return exit_code


def _say(line: str) -> None:
    # A full disk, or a closed pipe: no reason to lose what is being computed.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _suggestion(error: flags.Error) -> str:
    """What may have been meant by a value that is not among those of its flag."""
    wrong = re.match("flag --([^=]+)=(.*): value should be one of <", str(error), re.DOTALL)
    if wrong is None:
        return "."
    choices = getattr(FLAGS[wrong[1]].parser, "enum_values", [])
    return names.did_you_mean(wrong[2], choices) or "."


def _refuse_unused(uses: flag_groups.Groups) -> None:
    taken = {flag.name for flag in uses} | {common_flags.DEBUG.name}
    for flag in FLAGS.flags_by_module_dict()[common_flags.__name__]:
        if flag.present and flag.name not in taken:
            raise errors.UsageError(f"--{flag.name} has no meaning for this command.")


def _refuse_nan() -> None:
    """Refuses what is no number: it is in every range, as nothing is less than it or greater."""
    for name in FLAGS:
        value = FLAGS[name].value
        if isinstance(value, float) and math.isnan(value):
            raise errors.UsageError(f"--{name} must be a number, got nan.")


def _module_name(main: Callable) -> str:
    module = sys.modules[main.__module__]
    name = module.__spec__.name if module.__spec__ else module.__name__
    return name.removesuffix(".__main__")


def _help(main: Callable, uses: flag_groups.Groups, in_full: bool = False) -> str:
    text = sys.modules[main.__module__].__doc__ or ""
    groups = dataclasses.replace(uses, expert=(*uses.expert, common_flags.DEBUG))
    return (help_text.in_full if in_full else help_text.of_command)(text, groups)
