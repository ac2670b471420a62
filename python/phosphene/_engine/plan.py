"""Computations that are prepared once and run many times."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._engine.library import Arrays, ArrayType, check, ffi, lib, type_of
from phosphene._engine.outputs import OutputPool
from phosphene._errors import InvalidArgumentError
from phosphene._sentences import counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

KEPT_PLANS = 16
"""Plans that a model keeps: each owns an arena and packed weights, so not any number."""


class Plan:
    """A computation for inputs of given types.

    Parameters
    ----------
    model
        The engine's model.
    request
        What to compute, as ``ph_plan_create`` takes it, in JSON.
    input_types
        The element types and shapes of the inputs, batch axis included.
    """

    def __init__(self, model: Any, request: str, input_types: Sequence[ArrayType]) -> None:
        inputs = Arrays(input_types)
        out = ffi.new("ph_plan **")
        check(lib.ph_plan_create(model, request.encode(), inputs.pointer, inputs.count, out))
        self._handle = ffi.gc(out[0], lib.ph_plan_destroy)
        self.input_types = tuple(input_types)
        self.output_types = self._read_output_types()
        shared = {int(a): int(b) for a, b in self.description["shared_outputs"]}
        self._pool = OutputPool(self.output_types, shared)
        # Threads that run the plan at the same time each need C descriptions of their own.
        self._spare = [(inputs, Arrays(self.output_types))]

    def _read_output_types(self) -> tuple[ArrayType, ...]:
        struct = ffi.new("ph_array *")
        types = []
        for index in range(lib.ph_plan_output_count(self._handle)):
            check(lib.ph_plan_output_type(self._handle, index, struct))
            types.append(type_of(struct))
        return tuple(types)

    def run(
        self, arrays: Sequence[NDArray[Any]], out: Sequence[NDArray[Any]] | None = None
    ) -> list[NDArray[Any]]:
        """Compute.

        Parameters
        ----------
        arrays
            The inputs, of the types that the plan was made for; never written to.
        out
            C-ordered arrays of the output types to write to; by default new ones are made.

        Returns
        -------
        list of ndarray
            The outputs. Those that are the same numbers under another shape share memory.
        """
        arrays = _fitting(arrays, self.input_types)
        outputs = self._pool.take() if out is None else _writable(out, self.output_types)
        try:
            descriptions = self._spare.pop()
        except IndexError:
            descriptions = (Arrays(self.input_types), Arrays(self.output_types))
        c_inputs, c_outputs = descriptions
        c_inputs.point(arrays)
        c_outputs.point(outputs)
        status = lib.ph_plan_run(
            self._handle, c_inputs.pointer, c_inputs.count, c_outputs.pointer, c_outputs.count
        )
        check(status)
        self._spare.append(descriptions)
        return outputs

    @property
    def description(self) -> dict[str, Any]:
        """What the plan consists of: nodes, kernels, bytes of memory."""
        return dict(json.loads(ffi.string(lib.ph_plan_json(self._handle))))


class PlanCache:
    """A model of the engine together with the plans that were made for it."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self._plans: OrderedDict[Hashable, Plan] = OrderedDict()
        self._lock = threading.Lock()

    def plan(
        self,
        request: Mapping[str, Any],
        input_types: Sequence[ArrayType],
        key: Hashable = None,
    ) -> Plan:
        """Return a plan, from the cache where there is one.

        Parameters
        ----------
        request
            What to compute, as ``ph_plan_create`` takes it.
        input_types
            The element types and shapes of the inputs.
        key
            Stands for `request`, to save turning it into text at each call.
        """
        if key is None:
            key = json.dumps(request, sort_keys=True)
        full_key = (key, tuple(input_types), lib.ph_threads())
        with self._lock:
            plan = self._plans.get(full_key)
            if plan is not None:
                self._plans.move_to_end(full_key)
                return plan
        # Made outside the lock: other threads may run small plans while a large one is prepared.
        plan = Plan(self.handle, json.dumps(request), input_types)
        with self._lock:
            self._plans[full_key] = plan
            while len(self._plans) > KEPT_PLANS:
                self._plans.popitem(last=False)
        return plan


def _fitting(arrays: Sequence[NDArray[Any]], types: Sequence[ArrayType]) -> Sequence[NDArray[Any]]:
    """Return the arrays, C-ordered and of the right types; the engine trusts what it is told."""
    if len(arrays) != len(types):
        raise InvalidArgumentError(
            f"{counted(len(types), 'array')} needed, received {len(arrays)}."
        )
    result = []
    for array, (dtype, shape) in zip(arrays, types, strict=True):
        if array.shape != shape:
            raise InvalidArgumentError(
                f"An array of shape {shape} is needed, received shape {array.shape}."
            )
        if array.dtype != dtype or not array.flags.c_contiguous:
            array = np.ascontiguousarray(array, dtype)
        result.append(array)
    return result


def _writable(arrays: Sequence[NDArray[Any]], types: Sequence[ArrayType]) -> list[NDArray[Any]]:
    """Return the arrays if they can be written to as they are."""
    if len(arrays) != len(types):
        raise InvalidArgumentError(
            f"out needs {counted(len(types), 'array')}, received {len(arrays)}."
        )
    for array, (dtype, shape) in zip(arrays, types, strict=True):
        fits = array.shape == shape and array.dtype == dtype
        if not (fits and array.flags.c_contiguous and array.flags.writeable):
            raise InvalidArgumentError(
                f"out needs a writable C-ordered array of {dtype} and shape {shape}, received "
                f"{array.dtype} and shape {array.shape}."
            )
    return list(arrays)
