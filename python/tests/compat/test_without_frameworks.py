"""The old names work where no framework is installed, on files."""

import subprocess
import sys

SCRIPT = """
import sys
for name in ("keras", "tensorflow", "jax", "torch", "scipy", "matplotlib", "imageio"):
    sys.modules[name] = None  # as if it weren't installed

import numpy as np
import phosphene as ph
from phosphene.compat.tf_keras_vis.activation_maximization import ActivationMaximization
from phosphene.compat.tf_keras_vis.gradcam import Gradcam, GradcamPlusPlus
from phosphene.compat.tf_keras_vis.layercam import Layercam
from phosphene.compat.tf_keras_vis.saliency import Saliency
from phosphene.compat.tf_keras_vis.scorecam import Scorecam
from phosphene.compat.tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from phosphene.compat.tf_keras_vis.utils.scores import CategoricalScore
from phosphene.compat.vis.visualization import visualize_activation, visualize_cam

model, (images, _) = ph.zoo.wardrobe(), ph.zoo.garments()
for method in (Gradcam, GradcamPlusPlus, Layercam, Saliency, Scorecam):
    maps = method(model, ReplaceToLinear())(CategoricalScore([1, 2]), images[:2])
    assert maps.shape == (2, 28, 28) and np.isfinite(maps).all()
found = ActivationMaximization(model, ReplaceToLinear())(CategoricalScore(1), steps=2)
assert found.shape == (1, 28, 28, 1)
assert visualize_activation(model, -1, 1, max_iter=2).shape == (28, 28, 1)
assert visualize_cam(model, -1, 1, images[0]).shape == (28, 28)
ph.diagram(model).image()
print("done")
"""


def test_files_need_no_framework():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "done\n", done.stderr
