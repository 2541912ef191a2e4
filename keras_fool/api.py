"""What programs and notebooks call: `keras_fool.fool`, and what follows from its result.

The keyword arguments are the flags of the commands, which come through the same functions: the same
seed gives the same run folder, byte for byte.
"""

import contextlib
import functools
import os
import pathlib
import shutil
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_fool import arguments, errors, fooling, result, start_up
from keras_fool.models import classifiers, given_classifiers
from trainers import names

if TYPE_CHECKING:
    import numpy as np

    from keras_fool.audits import assessment
    from keras_fool.runs import champion_png

# What every function that takes a classifier is told of it, besides the names of its labels.
WORDS = ("weights", "preprocess", "outputs", "output_name", "signature_name", "image_shape")
VIEWS = ("image_size", "crops", "crop_size", "view")  # what it sees of an image


def fool(
    model: object = None,
    *,
    method: str = arguments.EVOLVE,
    dataset: str | None = None,
    weights: str | None = None,
    preprocess: str | None = None,
    outputs: str | None = None,
    output_name: str | None = None,
    signature_name: str | None = None,
    label_names: Sequence[str] | str | os.PathLike | None = None,
    image_shape: tuple[int, int, int] | None = None,
    image_size: int | None = None,
    crops: int = 1,
    crop_size: int | None = None,
    view: str = "plain",
    labels: Sequence[int | str] | str | None = None,
    runs: int | None = None,
    generations: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    encoding: str | None = None,
    coords: str | None = None,
    search: str | None = None,
    preset: str | None = None,
    steps: int | None = None,
    seeds: Sequence[int] | int | str | None = None,
    score_batch: int | str = "auto",
    checkpoint_every: int | None = None,
    cluster: str | None = None,
    workdir: str | os.PathLike | None = None,
    progress: bool = True,
    **settings: Any,
) -> result.Result:
    """Makes images that a classifier takes for each of its labels, with high confidence.

        >>> import keras_fool
        >>> result = keras_fool.fool("mnist_a", generations=20, batch_size=50, progress=False)
        >>> result.images.shape
        (10, 28, 28, 1)

    Evolution needs confidences alone; gradient ascent needs a Keras model on this machine. The
    same arguments give the same bytes, which are those of the commands `evolve` and `ascend` with
    the same flags; their `--help` says more of each. Ctrl-C ends it after the current generation or
    step, and gives what there is; a second one raises KeyboardInterrupt.

    Args:
        model: A Keras model; a name under saved_models/, a version folder, a file or folder of
            Keras, TensorFlow or ONNX, or a network of `keras.applications`, with options behind
            colons ("my.keras:tf:logits"); the address of a model behind TF Serving's API; a
            function of images or a `keras_fool.Classifier`; or a list, an ensemble whose
            confidences are averaged.
        method: "evolve", or "ascend" along the gradient.
        dataset: Without `model`, "mnist", "digits" or "shapes": the classifier that is shipped.
        weights: For a network of `keras.applications`: "imagenet", or a file.
        preprocess: What the model expects instead of bytes 0..255: "none" (the default), "unit"
            (0..1), "caffe", "tf" or "torch" as `keras.applications` means them, or "bgr".
        outputs: What its outputs mean: "confidences", "logits" or "sigmoid"; by default as its
            last layer tells. It is checked.
        output_name: Which of several outputs is meant.
        signature_name: Which signature of a SavedModel folder is called.
        label_names: The names of its labels, or a file of them.
        image_shape: (height, width, channels) of the images that a function takes.
        image_size: Side of the images, in pixels, of which the network sees crops.
        crops: How many: 1 (the centre) or 10.
        crop_size: Side of a crop, in pixels.
        view: What reaches a network of a grey image: "plain", or a view of the published code.
        labels: Numbers or names of the labels to fool, in any order; all by default (of an
            ascent, where there are at most 20).
        runs: Independent runs of an evolution; the result has the best image of them all.
        generations: The last generation's number; 200 by default.
        batch_size: Images per run and generation; 200 by default.
        seed: What all randomness follows from, 0 to 2^32 - 1; 1 by default.
        encoding: "cppn", networks that draw images (the default), or "direct", pixels.
        coords: What networks are given of a pixel's place: "raw" (the default) or "normalized" (the
            default of the efficient search).
        search: How networks are bred: "paper" (the default), or "efficient", which needs fewer
            images for the same confidence.
        preset: Of an ascent, "plain" (the default), "s5", "s6" or "s7", as the paper's figures.
        steps: Of an ascent; the preset's by default.
        seeds: Of an ascent, the seeds of the noise that it begins with; 0 by default.
        score_batch: Images in one call of the model; "auto" takes what suits this machine.
        checkpoint_every: Generations or steps between checkpoints. No result depends on it.
        cluster: Of an evolution, the Ray cluster whose workers make it, as --cluster names it:
            "auto", "local", "HOST:PORT" or "ray://HOST:PORT". No result depends on it.
        workdir: The run folder. A run that was stopped in it, or had fewer generations, goes on.
            By default nothing is written that outlasts the result.
        progress: Whether to show it, in a terminal or a notebook, and notes.
        **settings: Any other flag of the method's command, such as `decay=0.001` or
            `detector="mine.npz"`, or, for an address, `max_requests=1000`, or, for a cluster,
            `workers=8`.

    Returns:
        The images, their confidences, and what drew them.

    Raises:
        TypeError: An argument is unknown, or of the wrong type.
        ValueError: What is asked for is impossible or contradicts itself, or the classifier cannot
            be used, or `workdir` holds something else.
        errors.UserError: Ray is not installed, or the cluster cannot be reached.
        errors.UnfinishedError: In the middle of the run the classifier gave no more confidences,
            or a budget was spent; the error's `result` has what there was until then.
        KeyboardInterrupt: Ctrl-C, before the first generation or step was complete.
        OSError: Something could not be written.
    """
    passed = locals()
    if method not in arguments.METHODS:
        raise ValueError(names.unknown("method", str(method), arguments.METHODS))
    given = dict(
        runs=runs,
        generations=generations,
        batch_size=batch_size,
        seed=seed,
        encoding=encoding,
        coords=coords,
        search=search,
        preset=preset,
        steps=steps,
        seeds=seeds,
        checkpoint_every=checkpoint_every,
        cluster=cluster,
        **settings,
    )
    told = fooling.Notes(progress)
    with arguments.plainly():
        said = {name: value for name, value in given.items() if value is not None}
        checked = arguments.checked(method, said)
        elsewhere = arguments.cluster(cluster, checked, told.add)
        make: Callable[[fooling.Work], fooling.Made]
        if method == arguments.EVOLVE:
            make = functools.partial(fooling.evolve, settings=arguments.evolution(checked))
        else:
            make = functools.partial(fooling.ascend, settings=arguments.ascent(checked))
        classifier = arguments.with_options(_classifier(model, dataset, passed), checked)
        if method == arguments.ASCEND and not classifier.gives_gradients:
            raise ValueError(
                f"{classifier.name} {classifier.why_no_gradients} to follow; "
                "method='evolve' needs none."
            )
        if elsewhere is not None:
            elsewhere.check(classifier)
        if classifier.unnamed and label_names is None:
            told.add(f"{', '.join(classifier.unnamed)}: the labels have no names.")
        with fooling.folder(workdir) as (path, held), elsewhere or contextlib.nullcontext():
            work = fooling.Work(
                path,
                classifier,
                labels,
                arguments.score_batch(score_batch),
                {
                    "command": f"keras_fool.fool(..., workdir={str(path)!r})",
                    "note": told.add,
                    "dataset": dataset,
                    "checkpoint_every": checked.get("checkpoint_every"),
                    "quiet": not progress,
                },
                hidden=start_up.quiet,
                opening=start_up.with_tensorflow,
                elsewhere=elsewhere,
            )
            failed = fooling.until_stopped(lambda: make(work), path, told)
            found = result.read(path, told.notes)
            if held:
                weakref.finalize(found, shutil.rmtree, held.pop(), ignore_errors=True)
    if failed is not None:
        where = f"; workdir={str(workdir)!r} goes on" if workdir and failed.may_pass else ""
        raise errors.UnfinishedError(
            f"{failed} The error's `result` has what there was until then{where}.", found
        ) from failed
    return found


def assess(
    model: object = None,
    images: "np.ndarray | None" = None,
    labels: "Sequence[int] | np.ndarray | None" = None,
    *,
    train_images: "np.ndarray | None" = None,
    train_labels: "Sequence[int] | np.ndarray | None" = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    budget: int | None = None,
    quick: bool = False,
    seed: int = 1,
    references: Sequence[str] | None = None,
    fail_over: Mapping[str, float] | None = None,
    weights: str | None = None,
    preprocess: str | None = None,
    outputs: str | None = None,
    output_name: str | None = None,
    signature_name: str | None = None,
    label_names: Sequence[str] | str | os.PathLike | None = None,
    image_shape: tuple[int, int, int] | None = None,
    image_size: int | None = None,
    crops: int = 1,
    crop_size: int | None = None,
    view: str = "plain",
    cluster: str | None = None,
    workdir: str | os.PathLike | None = None,
    progress: bool = True,
    **options: Any,
) -> "assessment.Assessment":
    """Audits a classifier: how easily it is fooled, by what, and whether a detector helps.

    What the command `audit` does; its `--help` says more. Attacks are evolution of CPPNs and of
    pixels, and gradient ascent where gradients flow; eight detectors are fitted, judged, and
    attacked together with the classifier. It takes minutes, `quick=True` less than one.

        result = keras_fool.assess(model, test_images, test_labels, train_images=train_images,
                                   train_labels=train_labels)
        result.verdict, result.report, result.plot()
        result.save("audits/x")

    Args:
        model: The classifier, as `fool` takes it.
        images: uint8 [number, height, width, channels] in 0..255, real images that the classifier
            was not trained on. Without any, no detector has a threshold.
        labels: int [number], their labels, by the classifier's numbers.
        train_images: Likewise, images that it was trained on, which detectors are fitted on; by
            default a third of `images`.
        train_labels: Their labels.
        dataset: Instead of images, the name of a data set as `--dataset` takes it; without `model`
            it names the shipped classifier, too.
        data_dir: The folder in which TensorFlow Datasets keeps prepared data.
        budget: Images in all, of attacks and adaptive attacks together; 1,000,000 by default, or
            60,000 with `quick`.
        quick: Whether to look at fewer images: less exact figures in a fraction of the time.
        seed: What all randomness follows from, 0 to 2^32 - 1.
        references: Classifiers that the images are given to, too; by default the known ones of the
            same labels and images.
        fail_over: Largest shares that pass, such as {"fooled99": 0.5}; `Assessment.passed` says
            whether they do.
        weights: As `fool` takes it, and so are all others up to `view`.
        preprocess: Likewise.
        outputs: Likewise.
        output_name: Likewise.
        signature_name: Likewise.
        label_names: Likewise.
        image_shape: Likewise.
        image_size: Likewise.
        crops: Likewise.
        crop_size: Likewise.
        view: Likewise.
        cluster: The Ray cluster whose workers make the evolutions, as `fool` takes it.
        workdir: The audit's folder. An audit that was stopped in it goes on. By default nothing is
            written that outlasts the result.
        progress: Whether to show it, in a terminal or a notebook, and notes.
        **options: How an address is asked, and what workers a cluster has, by the names of the
            command's flags: `max_images=100_000`, `workers=8`.

    Returns:
        The report, with `plot` and `save`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The classifier or a reference cannot be used, or does not go with the images, or
            `workdir` holds something else.
        errors.UserError: An attack cannot go on: what is complete in `workdir` is kept. Or Ray is
            not installed, or the cluster cannot be reached.
        KeyboardInterrupt: Ctrl-C; the same.
        OSError: Something could not be written.
    """
    passed = locals()
    told = fooling.Notes(progress)
    with arguments.plainly():
        if images is None and (labels is not None or train_images is not None):
            raise ValueError("labels and train_images go with images, and there are none.")
        if images is not None and dataset is not None:
            raise ValueError("images and dataset are both given: leave one of them out.")
        checked = arguments.of_machines("assess", options)
        elsewhere = arguments.cluster(cluster, checked, told.add)
        classifier = arguments.with_options(
            _classifier(model, dataset if model is None else None, passed),
            checked,
        )
        if elsewhere is not None:
            elsewhere.check(classifier)
        with start_up.with_tensorflow():
            from keras_fool.audits import (
                assessment,
                data,
                engine,
                planning,
                settings,
                verdict,
            )
            from keras_fool.audits import references as references_module

        default = settings.QUICK_BUDGET if quick else settings.BUDGET
        chosen = settings.Settings(
            budget=default if budget is None else arguments.whole("budget", budget),
            seed=arguments.whole("seed", seed),
            quick=quick,
        )

        def parts(scorer: Any) -> Any:
            if dataset is not None:
                return data.find(dataset, scorer, data_dir, chosen)
            if images is None:
                return data.NONE_GIVEN
            return data.of_arrays(scorer, images, labels, train_images, train_labels, chosen)

        with fooling.folder(workdir) as (path, held), elsewhere or contextlib.nullcontext():
            work = planning.Work(
                path=path,
                classifier=classifier,
                chosen=chosen,
                load=parts,
                given=None if references is None else references_module.named(list(references)),
                dataset=dataset,
                fail_over=verdict.checked_limits(fail_over or {}),
                command=f"keras_fool.assess(..., workdir={str(path)!r})",
                note=told.add,
                quiet=not progress,
                elsewhere=elsewhere,
            )
            try:
                report = engine.audit(work)
            except errors.StoppedError as error:
                fooling.pass_on(error)
                raise KeyboardInterrupt(str(error)) from None
            found = assessment.Assessment(report, path, tuple(told.notes))
            if held:
                weakref.finalize(found, shutil.rmtree, held.pop(), ignore_errors=True)
    return found


def load(path: str | os.PathLike) -> result.Result:
    """The result in a run folder that `evolve`, `ascend` or `Result.save` wrote.

    Of a run that is not complete it is what its newest checkpoint has.

    Args:
        path: The folder. It may come from anyone: what is read is checked.

    Raises:
        ValueError: It is not a run folder, or damaged, or its run has only begun.
        OSError: A file cannot be read.
    """
    with arguments.plainly():
        return result.read(pathlib.Path(path))


def cross_score(
    found: result.Result,
    other: object,
    *,
    weights: str | None = None,
    preprocess: str | None = None,
    outputs: str | None = None,
    output_name: str | None = None,
    signature_name: str | None = None,
    label_names: Sequence[str] | str | os.PathLike | None = None,
    image_shape: tuple[int, int, int] | None = None,
    image_size: int | None = None,
    crops: int = 1,
    crop_size: int | None = None,
    view: str = "plain",
) -> "np.ndarray":
    """What another classifier says of the images: do they fool it, too?

    Where it takes images of another size, they are resized, by TensorFlow's antialiased resize.

        >>> import keras_fool
        >>> result = keras_fool.fool("mnist_a", generations=20, batch_size=50, progress=False)
        >>> confidences = keras_fool.cross_score(result, "mnist_b")
        >>> confidences.shape
        (10, 10)
        >>> matches = confidences.argmax(axis=1) == result.numbers

    Args:
        found: The images.
        other: The classifier, as `fool` takes it.
        weights: As `fool` takes it, and so are all others. Where no `image_size` is given, the
            classifier sees crops as the one did that was fooled.
        preprocess: Likewise.
        outputs: Likewise.
        output_name: Likewise.
        signature_name: Likewise.
        label_names: Likewise.
        image_shape: Likewise.
        image_size: Likewise.
        crops: Likewise.
        crop_size: Likewise.
        view: Likewise.

    Returns:
        float32 [images, labels]: the confidences for all labels of the classifier that was fooled,
        in its order. Labels are found by their names; where one classifier has none, in their
        order. NaN where `other` gave an image no finite confidences.

    Raises:
        TypeError: `other` is nothing that classifies.
        ValueError: It cannot be used, or takes grey images and these are in colour or the other
            way round, or it has other labels.
    """
    passed = locals()
    with arguments.plainly():
        images = found.as_champions()
        as_before = image_size is None and view == "plain" and isinstance(other, str | os.PathLike)
        classifier = _classifier(other, None, passed, images.views if as_before else None)
        with start_up.with_tensorflow():
            from keras_fool.runs import scorers
            from keras_fool.studies import cross_scoring

        scorer = scorers.open_scorer(classifier)
        try:
            return cross_scoring.of_another(images, found.config["classifier"], scorer)[0]
        finally:
            scorers.close(scorer)


def draw(
    champion: "champion_png.Champion | str | os.PathLike",
    size: int = 1024,
    *,
    smooth: bool = False,
    progress: bool = False,
) -> "np.ndarray":
    """Draws a champion's genome again, at any size.

    A network has no resolution: a larger image shows more detail, not larger squares. At the size
    of the image that was scored it is that image, to the byte.

    Args:
        champion: One of `Result.champions`, or the PNG file of one.
        size: The longer side in pixels, 1 to 8192.
        smooth: Whether to enlarge the pixels that were scored, without squares, rather than draw
            the genome with more of them. Images of an ascent have no genome.
        progress: Whether to show it, where it takes longer than a moment, and notes.

    Returns:
        uint8 [height, width, channels], grey or RGB; `PIL.Image.fromarray(image.squeeze())` makes
        a Pillow image of either.

    Raises:
        TypeError: `champion` is no champion, or `size` no whole number.
        ValueError: There is no genome in it, or the genome is damaged, or drawing it would take
            hours, or the file is no such PNG.
        FileNotFoundError: There is no such file.
    """
    from keras_fool.runs import champion_png, prints

    with arguments.plainly():
        size = arguments.whole("size", size)
        if not 1 <= size <= prints.LARGEST:
            raise ValueError(f"size must be in 1..{prints.LARGEST} pixels, got {size}.")
        where = "the champion"
        if isinstance(champion, str | os.PathLike):
            where = os.fspath(champion)
            champion = champion_png.read(pathlib.Path(champion))
        if not isinstance(champion, champion_png.Champion):
            raise TypeError(
                "a champion is one of result.champions or a PNG file, got "
                f"{type(champion).__name__}."
            )
        note = fooling.Notes(progress).add
        return prints.draw(champion, where, size, note, smooth=smooth, quiet=not progress)


def _classifier(
    model: object,
    dataset: str | None,
    passed: Mapping[str, Any],
    views: classifiers.Views | None = None,
) -> given_classifiers.AnyClassifier:
    """The classifier that a function here is given.

    Args:
        model: Which it is.
        dataset: Without a model, the data set whose shipped classifier is meant.
        passed: The function's arguments, by name: those that say more of the classifier are taken.
        views: What it sees of an image; by default as the arguments say.
    """
    seen = classifiers.Views(*(passed[name] for name in VIEWS))
    return given_classifiers.find(
        model,
        dataset,
        seen if views is None else views,
        **{name: passed[name] for name in WORDS},
        named=passed["label_names"],
    )
