"""What `--help` shows: the command's text, then its flags in groups.

A flag's help says its unit, names its choices once and ends with its default.
"""

import re
import textwrap
from collections.abc import Sequence

from absl import flags

from keras_fool.command_line import flag_groups

WIDTH = 96
_COLUMN = 27  # where the text beside the flags begins
_TITLES = {
    "what": "What:",
    "how": "How:",
    "where": "Where:",
    "endpoint": "Endpoint (only for models behind TF Serving's API):",
    "cluster": "Cluster (pip install 'keras_fool[cluster]'):",
    "expert": "Expert:",
}
_SENTENCE_END = re.compile(r"\.(?= [A-Z]|$)")
_KINDS = {
    "int": "N",
    "float": "X",
    "path": "PATH",
    "paths": "NAME",
    "string": "TEXT",
    "string enum": "NAME",
    "comma separated list of strings": "A,B",
}


def of_command(text: str, groups: flag_groups.Groups) -> str:
    """The help of a command.

    Args:
        text: What the command does, with examples.
        groups: Its flags.
    """
    parts = [text.strip()]
    for name, members in groups.items():
        parts.append("\n".join([_TITLES[name], *(_flag_lines(flag, text) for flag in members)]))
    return "\n\n".join(parts)


def in_full(text: str, groups: flag_groups.Groups) -> str:
    """The help of a command, then absl's own list of all flags, with types and bounds.

    Args:
        text: As for `of_command`.
        groups: Likewise.
    """
    parts = [of_command(text, groups), "All flags of all modules, as absl lists them:"]
    return "\n\n".join([*parts, flags.FLAGS.get_help()])


def _flag_lines(member: flags.FlagHolder | flag_groups.Told, text: str) -> str:
    """A flag's lines, in the help of a command of which `text` may have a list of its choices."""
    flag = flags.FLAGS[member.name]
    words, default = flag.help.strip(), flag.default
    choices = getattr(flag.parser, "enum_values", None) or ()
    if choices:
        words = words.removeprefix(f"<{'|'.join(choices)}>: ")  # absl's
    if isinstance(member, flag_groups.Told):
        words, default = member.text, default if member.default is None else member.default
    if not _names_all(choices, words) and not _lists_all(choices, text):
        words += f" One of {', '.join(choices)}."
    if default is not None and default is not False and default not in ([], ""):
        words = _SENTENCE_END.sub(f" (default: {_shown(default)}).", words, count=1)
    kind = "" if flag.boolean else f"={_KINDS[flag.flag_type()]}"
    head = f"  --{'[no]' if default is True else ''}{flag.name}{kind}"
    indent = " " * _COLUMN
    lines = textwrap.fill(
        words, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )
    return head.ljust(_COLUMN) + lines[_COLUMN:] if len(head) < _COLUMN - 1 else f"{head}\n{lines}"


def _names_all(choices: Sequence[str], words: str) -> bool:
    return all(re.search(rf"(?<![\w.]){re.escape(choice)}(?![\w.])", words) for choice in choices)


def _lists_all(choices: Sequence[str], text: str) -> bool:
    return all(re.search(rf"^  {re.escape(choice)}  ", text, re.MULTILINE) for choice in choices)


def _shown(default: object) -> str:
    if isinstance(default, list):
        return ",".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default).lower()
