"""Trains a small network while it is watched; run by `test_watch` with one Keras and backend."""

import importlib
import sys
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402

import phosphene as ph  # noqa: E402

assert "keras" not in sys.modules, "phosphene imports Keras"
EARLY = ph.Watch(np.zeros((1, 6, 6, 1), np.float32))
keras = importlib.import_module(sys.argv[1])
folder = sys.argv[2]

keras.utils.set_random_seed(3)
layers = keras.layers
model = keras.Sequential(
    [
        layers.Input((6, 6, 1)),
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.Flatten(),
        layers.Dense(2, activation="softmax", name="classes"),
    ]
)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
random = np.random.default_rng(5)
x = random.normal(size=(40, 6, 6, 1)).astype("float32")
y = (x.mean(axis=(1, 2, 3)) > 0).astype("int32")


class Expected(keras.callbacks.Callback):
    """What Keras itself says after each epoch and each batch."""

    def on_train_begin(self, logs=None):
        self.after_epoch = [np.asarray(self.model(x[:2]))]
        self.after_batch = list(self.after_epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.after_batch.append(np.asarray(self.model(x[:2])))

    def on_epoch_end(self, epoch, logs=None):
        self.after_epoch.append(np.asarray(self.model(x[:2])))


def compare(watch, expected):
    assert len(watch) == len(expected), (len(watch), len(expected))
    for look, outputs in zip(watch, expected, strict=True):
        assert np.abs(look["classes"] - outputs).max() < 1e-6, look.label
    assert np.abs(expected[0] - expected[-1]).max() > 1e-4, "the training changes nothing"


epochs = ph.Watch(x[:2], ["conv", "classes"], units=[("conv", 1), 0], folder=folder,
                  options={"steps": 4})  # fmt: skip
batches = ph.Watch(x[:2], "classes", every=2)
assert isinstance(epochs, keras.callbacks.Callback)
assert isinstance(epochs, ph.Watch)
expected = Expected()
before = [each.copy() for each in model.get_weights()]
model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[EARLY, epochs, expected, batches],
          validation_data=(x[:8], y[:8]))  # fmt: skip
model.predict(x[:4], verbose=0, callbacks=[epochs])

compare(epochs, expected.after_epoch)
assert [look.label for look in epochs] == ["before training", "epoch 1", "epoch 2", "epoch 3"]
assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(epochs[1].logs)
assert epochs[1].pictures.shape == (2, 6, 6, 1)
# 15 batches, after every second one, and after the last.
compare(batches, [expected.after_batch[number] for number in (0, 2, 4, 6, 8, 10, 12, 14, 15)])
assert (batches[3].epoch, batches[3].batch) == (1, 1)
assert batches[3].label == "epoch 2, batch 1"
assert len(EARLY) == 4, "a watch that is older than Keras works too"

# What was stopped goes on, and weights of a checkpoint are known by the structure.
again = ph.Watch.open(folder)
assert isinstance(again, keras.callbacks.Callback)
model.fit(x, y, batch_size=8, epochs=4, initial_epoch=3, verbose=0, callbacks=[again, expected])
assert [look.label for look in again][3:] == ["epoch 3", "epoch 4"]
assert np.abs(again[-1]["classes"] - expected.after_epoch[-1]).max() < 1e-6
model.save_weights(f"{folder}/old.weights.h5")
look = again.look(f"{folder}/old.weights.h5")
assert look.label == "old.weights.h5"
assert np.array_equal(look["conv"], again[-2]["conv"])
assert np.array_equal(again.look(before)["conv"], again[0]["conv"])

# A second training counts on, and a watch that comes later knows which epoch it begins with.
second, late = ph.Watch(x[:2], "classes"), ph.Watch(x[:2], "classes")
for _ in range(2):
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[second])
assert [look.label for look in second][2:] == ["epoch 2", "epoch 3", "epoch 4"]
model.fit(x, y, batch_size=8, epochs=6, initial_epoch=4, verbose=0, callbacks=[second, late])
assert [look.label for look in second][5:] == ["epoch 5", "epoch 6"]
assert [look.label for look in late] == ["epoch 4", "epoch 5", "epoch 6"]

# What goes wrong on the way is said where the training was called.
(late.folder / "looks" / "000003.npz").mkdir()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", ph.PhospheneWarning)
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[late])
assert [each.filename for each in caught if each.category is ph.PhospheneWarning] == [__file__]
print("fine")
