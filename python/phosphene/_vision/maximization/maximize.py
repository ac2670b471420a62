"""Inputs that a part of a network likes best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from phosphene._options import checks_options
from phosphene._vision.maximization.as_typed import as_typed
from phosphene._vision.maximization.linear_layers import warn_of_cancelled_scores
from phosphene._vision.maximization.priors import with_prior
from phosphene._vision.maximization.ranges import (
    check_count,
    known_range,
    start_array,
    warn_of_assumed_range,
    widened,
)
from phosphene._vision.maximization.render import FORMAT, render
from phosphene._vision.maximization.stated import stated_options
from phosphene._vision.maximization.varied_input import stated_given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from phosphene._vision.maximization.picture import Picture
    from phosphene._vision.maximization.progress import Callback
    from phosphene.optimizers import Optimizer
    from phosphene.regularizers import Regularizer
    from phosphene.transforms import Transform


@checks_options("ph.maximize")
def maximize(
    model: Any,
    objective: Any,
    *,
    steps: int | None = None,
    seed: int = 0,
    n: int = 1,
    size: int | tuple[int, int] | None = None,
    parametrization: Literal["natural", "fourier", "maco", "pixel"] | None = None,
    prior: Any = None,
    views: int | None = None,
    transforms: Sequence[Transform] | None = None,
    regularizers: Sequence[Regularizer] | None = None,
    optimizer: Literal["adam", "nadam", "rmsprop", "sgd"] | Optimizer | None = None,
    redirected_steps: int = 0,
    value_range: tuple[ArrayLike, ArrayLike] | None = None,
    background: float | None = None,
    start: Any = None,
    over: Any = None,
    given: Mapping[str, Any] | None = None,
    stages: Sequence[tuple[int | tuple[int, int], int]] | None = None,
    budget_s: float | None = None,
    early_stop: float = 0.0,
    frames: int = 0,
    alpha: bool | Literal["optimized"] = False,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> Picture:
    """Find the input that a unit, a channel or a class likes best.

    Starts from faint noise and climbs the gradient of the objective, looking at the picture
    through random transforms so that what comes out is a shape and not a speckle. All steps
    run inside the engine. What isn't stated is chosen by what the network takes and what is asked
    of it, see ``python/docs/maximization.md``; the recipe of the picture says what was chosen.

    Parameters
    ----------
    model
        A `Model`, or anything that `load` takes.
    objective
        What to maximize: an objective such as ``ph.channel("conv1", 7)``, a number or a class name
        (that output before softmax), or a pair ``("conv1", 7)``. A list renders one picture for
        each of its elements, all with the same options: a list with a layer among outputs has the
        defaults of layers.
    steps
        1 or more. By default 96 for outputs of a network with batch normalizations, 192 for those
        of one without and with ``alpha="optimized"``, 128 for layers and for small pictures; 256
        with another parametrization than ``"natural"``.
    seed
        0 or more. The same seed gives the same bits on the same kind of CPU with the same number
        of threads.
    n
        How many pictures of each objective, from different starts; 1 or more.
    size
        The canvas in pixels, one number for a square or (height, width). By default the size of
        the network's input, 4/3 of it for the outputs of networks that take 64 pixels or more
        (12/7 with ``"maco"``); a larger canvas shows more detail, its views are resized.
    parametrization
        ``"natural"`` climbs on the spectrum of the picture, in which each frequency begins as
        strong as in natural images, and makes a picture of one contrast of it. It is the default
        but for pictures of less than 64 pixels that aren't red, green and blue, for signals (steps,
        channels) of networks with 1-D or recurrent layers without a `prior`, and for those that
        have a `start`: those take ``"fourier"``, Lucid's spectrum. A row of numbers takes
        ``"pixel"`` whatever is stated. ``"maco"`` climbs on the phases of a spectrum as strong as
        that of natural images, ``"pixel"`` on the pixels.
    prior : (m, ...) array_like, optional
        Some of the network's own inputs, a list of pictures or paths, or a folder with pictures (at
        most 256 of them are taken, evenly by name): what they have in common (mean colour, how
        colours vary together, how strong each frequency is, of signals and volumes how far they go
        up and down) takes the place of natural images' and of the background. Ten say enough of
        pictures, signals and volumes; of rows of numbers, whose means and covariance count, there
        should be more than numbers in a row. Between which numbers signals, volumes and the columns
        of rows lie is taken from them too, where nothing states it; of a stated range, between
        percentiles say, up to a quarter of a column's or channel's numbers may lie outside, and
        count as its ends. Not for the ``"pixel"``
        parametrization of others than rows, and not together with `start`.
    views
        How many views of each picture, through random transforms of their own, the network is
        shown at each step. By default 1; 2 for outputs of networks that take 64 pixels or more, 4
        with ``"maco"``.
    transforms
        Of `phosphene.transforms`, in order; ``()`` for none. By default, for outputs of networks
        that take 64 pixels or more, crops of 0.95 to 0.5 of the canvas from anywhere and noise
        that fades from 0.08 to 0 (``"maco"``: crops of 0.95 to 0.35); for layers a jitter by a
        sixteenth of the canvas, a scale by up to a tenth, a rotation by up to 10 degrees and
        another jitter by a thirty-second; for smaller pictures a jitter by 1, a scale by up to a
        twentieth and a rotation by up to 5 degrees.
    regularizers
        Of `phosphene.regularizers`, ``()`` for none. By default, for outputs,
        `phosphene.regularizers.Statistics` where the network has batch normalizations or takes
        coloured pictures of 64 pixels or more (from 64 on not with ``alpha="optimized"``), and
        `phosphene.regularizers.TotalVariation`: 20 from 64 pixels on, 10 with ``"fourier"`` for
        smaller pictures (3 with ``alpha="optimized"``, which
        adds `phosphene.regularizers.Alpha`).
    optimizer
        ``"adam"`` (the default, with a learning rate that suits the parametrization), ``"nadam"``
        (with ``"maco"``), ``"rmsprop"``, ``"sgd"``, or one of `phosphene.optimizers`.
    redirected_steps
        So many steps at the beginning let the gradient through rectifiers (ReLU, ReLU6, clipping)
        that would block all of a sample's, unless it drives them further to where they are flat.
        With 0, the default, that is done for 16 steps where the first finds no gradient.
    value_range
        The network's input for black and for white, such as ``(-1, 1)``; of signals, volumes and
        rows its smallest and its largest number. Arrays have one for each channel, or for each
        column of rows: ``(rows.min(axis=0), rows.max(axis=0))``; where both are alike, the column
        keeps its number. By default what the model's preprocessing says: of rows behind a
        Normalization two deviations around the mean of each column, 0 to 1 where it must hold
        zeros and ones alone.
    background
        The brightness, 0 (black) to 1 (white), that the network sees around the picture, and that
        the picture starts from (but from 0.25 to 0.75, as nothing grows out of pure black); by
        default 0.5. 0.1 suits networks that were trained on objects on black.
    start : (n, height, width, channels) array_like, optional
        Where to start instead of noise, in the range of the network's input and of its size or
        the canvas'; the channels may also stand where the network has them. A signal, a volume or
        a row of numbers has the shape of the network's input. One input needs no batch axis, and
        where there is one channel, its axis may be left out. Or a picture, or the path of one, see
        `Model.prepare`. Together with the penalty
        `phosphene.regularizers.Distance` it stays recognizable and what the network sees in it
        grows (accentuation). ``"maco"`` and ``"natural"`` take one only together with `over`.
    over : (height, width, channels) array_like, optional
        Where the picture may change: 1 where it may, 0 where it stays as `start`, or as the
        background without one, and anything between. Of the size of the network's input or the
        canvas, of the input's shape for a network whose input is no picture; any length may be
        1, the axis of the channels be missing.
    given
        For a network of several inputs what it gets as all but one of them, by name, one sample
        each. The picture is the one that isn't given; ``model([picture.input, ...])`` takes it
        with the others.
    stages
        Coarse to fine: pairs of a size and a number of steps, such as ``[(64, 64), (128, 64)]``,
        instead of `size` and `steps`. Each stage goes on with the picture of the one before; the
        picture is the best of the last.
    budget_s
        Seconds that it may take. After the first step the second is timed, and `steps` is lowered
        to what fits, so that whatever changes over the steps comes to its end; the recipe holds
        that number. Nine tenths of the time or so are used, never more than a step too much. A
        budget too short for one step takes one; hardly any steps are warned of.
    early_stop
        Stop where an eighth of the steps has added no more than this share of what every
        picture has gained so far, such as 0.02; the picture is then looked at 32 times without
        transforms instead of 8 times. 0, the default, does all steps.
    alpha
        Find out what may be transparent, as `Picture.alpha`: ``picture.save("x.png", alpha=True)``
        leaves that out. True sums up how much each pixel mattered, which changes nothing else.
        ``"optimized"``, for pictures, climbs on one more channel: at each step the picture is seen
        before random clouds, and `phosphene.regularizers.Alpha` makes opacity cost something, by
        default as much as in Lucid's recipe, so that only what the network needs stays. Without
        transforms it is seen before the `background`.
    frames
        How many pictures of the way there are kept, evenly from the start to the last step, each
        seen without transforms: for ``picture.save("film.gif")``. That changes nothing else.
    callbacks
        Called with a `Progress` after each step; ``progress.picture()`` is the picture as it
        stands, and `Preview` shows it in a notebook. One that returns True stops, and `Cancelled`
        with the best picture so far is raised. An exception comes out of the call unchanged, with
        the best picture so far as its attribute ``picture``; so does Ctrl-C.
    progress
        Show a progress bar, where there is a terminal or a notebook and tqdm is installed.

    Returns
    -------
    Picture
        The best picture of each objective, judged without transforms and penalties.

    Raises
    ------
    InvalidArgumentError
        If an argument is out of range, `start` or the weights contain NaN, or no objective has a
        gradient whatever is tried; the message names the layer where it ends, and why.
    Cancelled
        If a callback returned True.

    Warns
    -----
    PhospheneWarning
        If hardly any steps fitted into `budget_s`, or nothing says between which numbers the input
        lies, so that 0 to 1 is assumed, or what a Rescaling makes that. Or if the first step finds
        no gradient for a picture, such as that of a unit that is off everywhere. Then the number
        before the activation is maximized, or rectifiers let the gradient through at first, or the
        picture starts from other noise, whichever helps first; `Picture.diagnoses` says what, and
        the recipe holds it.

    Notes
    -----
    Each step costs one pass forward and one back through the network for each view, up to the
    layer of the objective.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, for the Fourier basis,
    the decorrelated colours and the transforms. Fel et al., "Unlocking Feature Visualization for
    Deeper Networks with MAgnitude Constrained Optimization", NeurIPS 2023, for ``"maco"`` and the
    magnitudes of natural images.

    Examples
    --------
    >>> import phosphene as ph
    >>> picture = ph.maximize(ph.zoo.wardrobe(), "Bag", steps=4, progress=False)
    >>> picture.image.shape
    (28, 28, 1)
    """
    from phosphene._models.model import as_model
    from phosphene._vision.objectives.objectives import as_objective

    model = as_model(model)
    wanted = list(objective) if isinstance(objective, (list, np.ndarray)) else [objective]
    others = given if isinstance(given, Mapping) else {}
    known = known_range(model, others)
    recipe: dict[str, Any] = {
        "format": FORMAT,
        "objectives": [as_objective(model, each).to_json() for each in wanted],
        "input": known.to_json(),
    }
    recipe |= stated_options(
        {
            "steps": steps,
            "seed": seed,
            "n": n,
            "size": size,
            "parametrization": parametrization,
            "views": views,
            "transforms": transforms,
            "regularizers": regularizers,
            "optimizer": optimizer,
            "redirected_steps": redirected_steps,
            "value_range": value_range,
            "background": background,
            "over": over,
            "stages": stages,
            "budget_s": budget_s,
            "early_stop": early_stop,
            "frames": frames,
            "alpha": alpha,
            "callbacks": callbacks,
        }
    )
    is_open = value_range is None and (known.assumed or known.measured)
    if value_range is not None:
        check_count(model, recipe["input"], others)
    if prior is not None:
        recipe |= with_prior(model, prior, recipe, others, states_range=is_open)
    if model.exact:
        recipe["exact"] = True
    if model.precision != "float32":
        recipe["precision"] = model.precision
    if given is not None:
        recipe["given"] = stated_given(model, given)
    array = None
    if start is not None:
        if is_open:
            recipe["input"] = widened(model, start, recipe["input"], others)
        array = start_array(model, start, recipe["input"], others)
    if value_range is prior is start is None:
        warn_of_assumed_range(model, others)
    with as_typed():
        picture = render(model, recipe, array, callbacks=callbacks, progress=progress)
    warn_of_cancelled_scores(model, recipe, picture)
    return picture
