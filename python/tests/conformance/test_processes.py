"""Several threads, forked and spawned processes, and TensorFlow in the same process."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fresh import run_fresh

import phosphene as ph


@pytest.fixture(scope="module")
def model():
    return ph.zoo.wardrobe()


@pytest.fixture(scope="module")
def garments():
    return ph.zoo.garments()[0][:8]


def test_threads_that_share_a_model_get_the_same_bits(model, garments):
    def work(_):
        return ph.trace(model, garments), ph.gradient(model, garments, 4)

    expected_trace, expected_gradient = work(0)
    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(work, range(40)))
    for trace, gradient in results:
        np.testing.assert_array_equal(gradient, expected_gradient)
        for path, values in expected_trace.items():
            np.testing.assert_array_equal(trace[path], values, err_msg=path)


def test_nan_shows_where_it_reaches(model, garments):
    x = np.array(garments, np.float32)
    clean = ph.trace(model, x)
    x[3, 14, 14] = np.nan
    trace = ph.trace(model, x)
    for path, values in trace.items():
        # The sample with the NaN has some in each layer, from the first to the scores ...
        assert np.isnan(values[3]).any(), path
        # ... and the other samples are what they were.
        others = np.arange(len(x)) != 3
        np.testing.assert_array_equal(values[others], clean[path][others], err_msg=path)
    assert np.isnan(trace[model.layers[-1].name][3]).all()


MULTIPROCESSING = """
import json, multiprocessing, sys
import numpy as np
import phosphene as ph

x = ph.zoo.garments()[0][:4]

def work(share):
    model = MODEL if MODEL is not None else ph.zoo.wardrobe()
    return [ph.trace(model, x)["scores" if "scores" in model.select(None) else -1],
            ph.gradient(model, x, share)]

MODEL = None
if __name__ == "__main__":
    MODEL = ph.zoo.wardrobe()
    expected = [work(share) for share in range(3)]  # starts the worker threads
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        results = pool.map(work, range(3))
    error = max(float(np.max(np.abs(a - b)) / np.max(np.abs(b)))
                for one, two in zip(results, expected) for a, b in zip(one, two))
    print(json.dumps(error))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes_compute_after_the_parent_has(method, tmp_path):
    # A child that is forked has one thread, so sums may be rounded in another order.
    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING, encoding="utf-8")
    run = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name=%r)"
    assert run_fresh(run % "__main__", program, method, seconds=60) <= 1e-5


BOTH = """
import json, sys, time
import numpy as np

def engine():
    global ph
    import phosphene as ph

def tensorflow():
    global tf
    import tensorflow as tf
    tf.linalg.matmul(tf.ones((256, 256)), tf.ones((256, 256)))  # starts its threads

def used():
    x = np.linspace(0, 1, 4 * 784, dtype=np.float32).reshape(4, 28, 28, 1)
    return ph.trace(ph.zoo.wardrobe(), x)

order = sys.argv[1].split()
for name in order:
    globals()[name]()
trace = used()
kernel = tf.constant(np.linspace(-1, 1, 90, dtype=np.float32).reshape(3, 3, 1, 10))
image = tf.constant(np.linspace(0, 1, 784, dtype=np.float32).reshape(1, 28, 28, 1))
before = tf.nn.conv2d(image, kernel, 1, "SAME").numpy()
after = used()
same = all(np.array_equal(trace[path], after[path]) for path in trace)
same = same and np.array_equal(before, tf.nn.conv2d(image, kernel, 1, "SAME").numpy())
values = {path: float(np.sum(trace[path], dtype=np.float64)) for path in trace}
print(json.dumps({"same": same, "values": values}))
"""


@pytest.mark.keras
def test_tensorflow_in_the_same_process_in_both_orders():
    pytest.importorskip("tensorflow")
    first = run_fresh(BOTH, "engine tensorflow")
    second = run_fresh(BOTH, "tensorflow engine")
    assert first["same"]
    assert second["same"]
    assert first["values"] == second["values"]
