"""The flags of a command: in groups, in the order in which people read them."""

import dataclasses
from collections.abc import Iterator, Sequence

from absl import flags


@dataclasses.dataclass(frozen=True)
class Told:
    """A flag that several commands share, with the words of one of them.

    Attributes:
        holder: The flag.
        text: Its help in this command.
        default: What this command takes where the flag is not given, to be shown; None shows
            the flag's own default.
    """

    holder: flags.FlagHolder
    text: str
    default: object = None

    @property
    def name(self) -> str:
        """The flag's name, as a holder has it."""
        return self.holder.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Groups:
    """All flags that a command takes; any other one is refused.

    Attributes:
        what: What the command works on.
        how: How it does so; what shapes the result.
        where: What is read and written where.
        endpoint: How endpoints are treated.
        cluster: Where else it is computed.
        expert: What few people need.
    """

    what: Sequence[flags.FlagHolder | Told] = ()
    how: Sequence[flags.FlagHolder | Told] = ()
    where: Sequence[flags.FlagHolder | Told] = ()
    endpoint: Sequence[flags.FlagHolder | Told] = ()
    cluster: Sequence[flags.FlagHolder | Told] = ()
    expert: Sequence[flags.FlagHolder | Told] = ()

    def __iter__(self) -> Iterator[flags.FlagHolder | Told]:
        for _, members in self.items():
            yield from members

    def items(self) -> Iterator[tuple[str, Sequence[flags.FlagHolder | Told]]]:
        """The groups that have flags, by their names."""
        for field in dataclasses.fields(self):
            if members := getattr(self, field.name):
                yield field.name, members


NONE = Groups()
