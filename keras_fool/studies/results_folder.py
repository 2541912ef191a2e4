"""The folder of an experiment's results.

table.md         keras_fool's figures and the paper's
settings.json    what shaped them; with it the results are complete
timing.json      when and how long: the only file that differs from start to start
*.csv, *.png     what else the experiment found
"""

import dataclasses
import datetime
import json
import os
import pathlib
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from keras_fool import foreign_files
from keras_fool.models import image_views
from keras_fool.runs import files, workdir
from keras_fool.studies import experiment, steps

_SETTINGS = "settings.json"
_TIMING = "timing.json"


class ResultsFolder:
    """Results are written when all of them are known, times as steps end.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: pathlib.Path, overwrite: bool):
        """Prepares; nothing is read or written yet.

        Args:
            path: The folder; made when the results are written.
            overwrite: Whether results of other settings may be replaced.
        """
        self.path = path
        self._overwrite = overwrite
        self._begun = _now()
        self._stages: dict[str, dict[str, Any]] = {}
        self._names: Sequence[str] = ()

    def check(self, settings: Mapping[str, object]) -> None:
        """Checks that results of these settings may be written here.

        Raises:
            ValueError: There are results of other settings, and they may not be replaced.
        """
        if self._overwrite:
            return
        there = _read(self.path / _SETTINGS)
        for name, value in settings.items():
            if there and there.get(name) != value:
                raise ValueError(
                    f"{self.path} holds results of other settings: {name} is "
                    f"{foreign_files.shown(there.get(name))} there and "
                    f"{foreign_files.shown(value)} here. Choose other --results, "
                    "or say --overwrite."
                )

    def known(self, names: Sequence[str]) -> dict[str, float]:
        """Seconds of those of the named steps that earlier starts did from begin to end.

        Raises:
            ValueError: timing.json is damaged.
        """
        self._names = names
        return {
            name: stage["seconds"]
            for name, stage in self._earlier().items()
            if not (stage.get("reused") or stage.get("resumed"))
        }

    def on_step(self, record: steps.Record, reused: bool) -> None:
        """Writes how long a step took; one that was done before keeps the time it took then.

        Raises:
            ValueError: timing.json is damaged.
            OSError: It could not be written.
        """
        stage = {"seconds": round(record.seconds, 1), "reused": reused}
        stage |= {"resumed": True} if record.resumed else {}
        if reused:
            stage = self._earlier().get(record.stage, stage)
        self._stages[record.stage] = stage
        self._write_timing()

    def write(self, context: experiment.Context, outcome: experiment.Outcome) -> None:
        """Writes the results, settings.json last.

        Raises:
            ValueError: There are results of other settings, and they may not be replaced.
            OSError: Something could not be written.
        """
        title = context.title()
        settings = {
            "experiment": context.experiment.name,
            "title": title,
            "scale": context.scale,
            "dataset": experiment.short(context.dataset),
            "seed": context.seed,
            **({} if context.view == image_views.PLAIN else {"view": context.view}),
            **outcome.settings,
        }
        self.check(json.loads(json.dumps(settings)))
        text = json.dumps({**settings, "versions": workdir.versions()}, indent=2) + "\n"
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / _SETTINGS).unlink(missing_ok=True)  # no longer those of what is there
        contents = {**outcome.files, "table.md": f"# {title}\n\n{outcome.table}".encode()}
        files.write_all({self.path / name: content for name, content in contents.items()})
        files.write(self.path / _SETTINGS, text.encode())
        files.sync_folder(self.path)

    def _earlier(self) -> dict[str, dict]:
        """What timing.json says of this experiment's steps, by name."""
        found = _read_stages(self.path / _TIMING)
        return {name: stage for name, stage in found.items() if name in self._names}

    def _write_timing(self) -> None:
        # What earlier starts did and this one has not come to yet is not forgotten.
        stages = {**self._earlier(), **self._stages}
        value = {
            "begun": self._begun,
            "finished": _now(),
            "seconds": round(sum(stage["seconds"] for stage in stages.values()), 1),
            "stages": stages,
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "system": platform.system(),
            },
        }
        self.path.mkdir(parents=True, exist_ok=True)
        files.write(self.path / _TIMING, (json.dumps(value, indent=2) + "\n").encode())


def _read(path: pathlib.Path) -> dict:
    """A JSON file's object; an empty one if there is no such file."""
    try:
        return foreign_files.json_object(path)
    except FileNotFoundError:
        return {}


def _read_stages(path: pathlib.Path) -> dict[str, dict]:
    """What timing.json says of steps by name; nothing where there is no such file.

    Raises:
        ValueError: It is damaged.
    """
    stages = _read(path).get("stages", {})
    fits = isinstance(stages, dict) and all(
        isinstance(stage, dict)
        and foreign_files.is_number(stage.get("seconds"), 0, sys.float_info.max)
        for stage in stages.values()
    )
    if not fits:
        raise ValueError(f"{path} is damaged: expected seconds of each of its stages.")
    return stages


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Report(steps.Step):
    """The last step of each experiment: what is scored, counted, drawn, and written."""

    kind = "report"
    name: str = "score, count and draw"
    work: int = 1
    guess: float | None = 0.0  # it is short next to the others
    results: ResultsFolder

    @property
    def folder(self) -> pathlib.Path:
        """That of the results."""
        return self.results.path

    @property
    def is_begun(self) -> bool:
        """Results are made anew at every start."""
        return False

    def is_done(self) -> bool:
        """Results are made anew at every start."""
        return False

    def run(self, context: experiment.Context) -> None:
        """Writes what came of the experiment.

        Raises:
            ValueError: As `ResultsFolder.write` does.
            OSError: As `ResultsFolder.write` does.
        """
        self.results.write(context, context.experiment.report(context))
