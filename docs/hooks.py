"""Makes what the site says of commands, experiments and results from what these say themselves.

MkDocs calls the functions that begin with `on_` (mkdocs.yml names this file). Nothing that they
make is stored: `mkdocs build` writes it into the site.

    reference/commands.md      every command with its flags, from its own help
    paper/experiments.md       every experiment of `reproduce`, with what results/ has of it
    notebooks/                 the notebooks, with the outputs that are stored in them
    results/, saved_models/    their README files as they are, with the pictures that they show
"""

import base64
import importlib
import json
import pathlib
import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "results"
_FLAG = re.compile(r"  (--\S+)(?: +(\S.*))?")
_ADDRESS = re.compile(r"(https://[\w./-]*\w)")
_BESIDE_DOCS = re.compile(r"\]\(((?:\.\./)*)\.\./(results|saved_models)/")
_GROUP = re.compile(r"([A-Z]\w+)( \(.*\))?:")
_SHORT_CODE = re.compile(r"<code>([^<\n]{1,34})</code>")
_NOTEBOOK = re.compile(r"\]\(([\w./-]+)\.ipynb\)")
_MADE = re.compile(r"^<!-- made: (commands_page|experiments_page) -->$", re.MULTILINE)
# Results of an experiment whose folders have other names.
_OTHER_FOLDERS = {
    "confidence": ("confidence_photographs",),
    "retrain_imagenet": ("retrain_imagenet_shapes",),
    "published_view": ("published_view",),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files beside docs/ that pages show or link to."""
    for path in (ROOT / "saved_models/README.md", *sorted(RESULTS.rglob("*"))):
        if path.name == "README.md" or path.suffix in (".png", ".jpg"):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    for path in sorted((ROOT / "docs/notebooks").glob("*.ipynb")):
        for name, content in notebook_files(path).items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Fills in what a page has a comment for; its links lead to where the site has results/."""
    if page.file.generated_by:  # its links are to what is beside it, there and here
        return markdown
    markdown = _MADE.sub(lambda found: globals()[found[1]](), markdown)
    return _NOTEBOOK.sub(r"](\1.md)", _BESIDE_DOCS.sub(r"](\1\2/", markdown))


def on_page_content(html: str, **_: object) -> str:
    """Marks code that is short enough for a line on a telephone, so that it is never broken."""
    return _SHORT_CODE.sub(r'<code class="whole">\1</code>', html)


def notebook_files(path: pathlib.Path) -> dict[str, str | bytes]:
    """A notebook as a page of Markdown, and the pictures in it, by their names."""
    parts, pictures = [], {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}-{len(pictures)}.png"
                pictures[name] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![{cell['metadata']['alt']}]({name})")
            else:
                text = "".join(output.get("text") or data["text/plain"])
                parts.append(f"```text\n{text.rstrip()}\n```")
    parts.insert(1, f"[Download this notebook]({path.name}){{download}}")
    return {f"{path.stem}.md": "\n\n".join(parts) + "\n", **pictures}


def commands_page() -> str:
    """Markdown: each command with what it does and its flags."""
    from keras_fool import __main__

    known = __main__.commands()
    lines = ["| command | what it does |", "|---|---|"]
    lines += [f"| [{name}](#{name}) | {_escaped(line)} |" for name, line in known.items()]
    parts = ["\n".join(lines)]
    for name in known:
        parts += [f"## {name} {{#{name}}}", *_help(name)]
    return "\n\n".join(parts)


def _help(name: str) -> Iterator[str]:
    """A command's help as Markdown."""
    from keras_fool.command_line import help_text

    module = importlib.import_module(f"keras_fool.{name}")
    yield from _prose(module.__doc__.strip())
    flag: list[str] = []
    for line in help_text.of_command("", module.USES).splitlines():
        if found := _FLAG.fullmatch(line):
            yield from _definition(flag)
            flag = [found[1], found[2] or ""]
        elif line.startswith("   "):
            flag.append(line.strip())
        elif found := _GROUP.fullmatch(line):
            yield from _definition(flag)
            yield f"**{found[1]}**{found[2] or ''}"
            flag = []
    yield from _definition(flag)


def _definition(flag: list[str]) -> Iterator[str]:
    if flag:
        yield f"`{flag[0]}`\n:   {_escaped(' '.join(flag[1:]).strip())}"


def _prose(text: str) -> Iterator[str]:
    """The paragraphs of a docstring; what is indented stands as it is."""
    for paragraph in text.split("\n\n"):
        shown: list[str] = []  # lines of one kind
        for line in paragraph.splitlines():
            if shown and line.startswith("  ") != shown[0].startswith("  "):
                yield _block(shown)
                shown = []
            shown.append(line)
        yield _block(shown)


def _block(lines: list[str]) -> str:
    if not lines[0].startswith("  "):
        return _escaped("\n".join(lines))
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    shown = [line[indent:] for line in lines]
    return "\n".join(["```text", *shown, "```"])


def _escaped(text: str) -> str:
    """Text in which Markdown finds no markup of its own, apart from `code`."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = re.sub(r"([*\[\]|])", r"\\\1", parts[place])
        parts[place] = parts[place].replace("&", "&amp;").replace("<", "&lt;")
        parts[place] = _ADDRESS.sub(r"<\1>", parts[place])
    return "`".join(parts)


def experiments_page() -> str:
    """Markdown: each experiment, how it is run, and what results/ has of it."""
    from keras_fool.studies import experiment

    parts = []
    for name in experiment.NAMES:
        described = experiment.REGISTERED[_module(name)][name]
        parts += [
            f"## {name}",
            f"{_escaped(described)}.",
            f"```\n{_command(name)}\n```",
        ]
        folders = list(_folders(name))
        if not folders:
            parts.append("No results of it are stored yet.")
        for folder in folders:
            parts += _result(folder)
    return "\n\n".join(parts)


def _module(name: str) -> str:
    from keras_fool.studies import experiment

    return next(module for module, found in experiment.REGISTERED.items() if name in found)


def _command(name: str) -> str:
    needs = {
        "imagenet": " --models=MODELS --label_names=labels.txt",
        "ascent_figures": " --models=squeezenet_1.1.keras:bgr --label_names=labels.txt",
        "ascent_steps": " --models=squeezenet_1.1.keras:bgr --label_names=labels.txt",
        "ascent_first_step": " --models=MODELS --label_names=labels.txt",
        "confidence": " --models=MODELS --dataset=folder:PATH --label_names=labels.txt",
    }
    given = "" if name == "ascent_mnist" else needs.get(_module(name), "")
    if name == "retrain_imagenet":
        given = " --dataset=shapes"
    if name == "retrain_photographs":
        given = " --dataset=folder:PATH"
    return f"python -m keras_fool.reproduce --experiment={name}{given}"


def _folders(name: str) -> Iterator[pathlib.Path]:
    """The folders of results of one experiment."""
    known = _OTHER_FOLDERS.get(name, ())
    for folder in sorted(RESULTS.iterdir()):
        rest = folder.name.removeprefix(name)
        marked = rest != folder.name and re.fullmatch("(_scale[0-9.]+|_published.*)?", rest)
        if (marked or folder.name in known) and (folder / "settings.json").is_file():
            yield folder


def _result(folder: pathlib.Path) -> Iterator[str]:
    """A stored result: its table, folded up, and its pictures."""
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    title, _, table = (folder / "table.md").read_text("utf-8").partition("\n")
    facts = [f"seed {settings['seed']}"] if "seed" in settings else []
    if settings.get("scale", 1) != 1:
        facts.append(f"scale {settings['scale']:g}")
    about = f" ({', '.join(facts)})" if facts else ""
    table = re.sub(r"^## ", "#### ", table, flags=re.MULTILINE)
    table = re.sub(r"^(#+ .*)$", lambda found: f"**{found[1].lstrip('# ')}**", table, flags=re.M)
    heading = title.lstrip("# ").replace('"', "'")
    lines = [f'??? note "{heading}{about}"', ""]
    lines += [f"    {line}".rstrip() for line in table.strip().splitlines()]
    for picture in sorted((*folder.glob("*.png"), *folder.glob("*.jpg"))):
        if picture.name == "every.jpg":  # a thousand images: a link is enough
            continue
        name = picture.relative_to(ROOT).as_posix()
        lines += ["", f"    ![{picture.stem}](../../{name})"]
    yield "\n".join(lines)
