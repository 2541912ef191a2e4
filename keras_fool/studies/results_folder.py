"""The folder of an experiment's results.

table.md         ours beside the paper's
settings.json    what shaped them; with it the results are complete
timing.json      when and how long: the only file that differs from start to start
*.csv, *.png     what else the experiment found
"""

import datetime
import json
import os
import pathlib
import platform
from collections.abc import Mapping

from keras_fool import foreign_files
from keras_fool.models import image_views
from keras_fool.runs import files, workdir
from keras_fool.studies import experiment

_SETTINGS = "settings.json"
_TIMING = "timing.json"


class ResultsFolder:
    """Results are written when all of them are known, times as stages end.

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
        self._stages = {}

    def check(self, settings: Mapping[str, object]) -> None:
        """Looks whether results of these settings may be written here.

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

    def on_stage(self, name: str, seconds: float, reused: bool) -> None:
        """Writes how long a stage took; one that was done before keeps the time it took then.

        Raises:
            OSError: It could not be written.
        """
        stage = {"seconds": round(seconds, 1), "reused": reused}
        if reused:
            stage = _read_stages(self.path / _TIMING).get(name, stage)
        self._stages[name] = stage
        self._write_timing()

    def write(
        self,
        chosen: experiment.Experiment,
        context: experiment.Context,
        outcome: experiment.Outcome,
    ) -> None:
        """Writes the results, settings.json last.

        Raises:
            ValueError: There are results of other settings, and they may not be replaced.
            OSError: Something could not be written.
        """
        title = context.title(chosen.title)
        settings = {
            "experiment": chosen.name,
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

    def _write_timing(self) -> None:
        # What earlier starts did and this one has not come to yet is not forgotten.
        earlier = _read_stages(self.path / _TIMING)
        stages = {**earlier, **self._stages}
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
    """A JSON file's object; an empty one where there is no such file."""
    try:
        return foreign_files.json_object(path)
    except FileNotFoundError:
        return {}


def _read_stages(path: pathlib.Path) -> dict[str, dict]:
    """What timing.json says of stages by name; nothing where there is no such file.

    Raises:
        ValueError: It is damaged.
    """
    stages = _read(path).get("stages", {})
    fits = isinstance(stages, dict) and all(
        isinstance(stage, dict) and type(stage.get("seconds")) in (int, float)
        for stage in stages.values()
    )
    if not fits:
        raise ValueError(f"{path} is damaged: expected seconds of each of its stages.")
    return stages


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
