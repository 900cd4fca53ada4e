"""Checkpoints: the variables' values in a file, and a file `checkpoint` beside it that names the latest ones.

A checkpoint called `model` is the file `model.safetensors`, which other programs can read.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

import numpy as np

from tconv import _tconv
from tconv.errors import InvalidArgumentError, NotFoundError
from tconv.tf1.variables import global_variables

_SUFFIX = ".safetensors"


class CheckpointState(NamedTuple):
    """What a file `checkpoint` says: the latest checkpoint, and all that are kept, the oldest first."""

    model_checkpoint_path: str
    all_model_checkpoint_paths: list[str]


def _state_file(directory: str, latest_filename: str | None) -> str:
    return os.path.join(directory, latest_filename or "checkpoint")


def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Any = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Any = None,
    last_preserved_timestamp: Any = None,
) -> None:
    """Writes the file `checkpoint` of a folder."""
    paths = list(all_model_checkpoint_paths or [])
    if model_checkpoint_path not in paths:
        paths.append(model_checkpoint_path)

    def line(key: str, path: str) -> str:
        inside = os.path.dirname(os.path.abspath(path)) == os.path.abspath(save_dir)
        text = os.path.basename(path) if inside else os.path.abspath(path)
        return '{}: "{}"\n'.format(key, text.replace("\\", "\\\\").replace('"', '\\"'))

    file = _state_file(save_dir, latest_filename)
    # Names of files are bytes: those that are no text in UTF-8 are written as they are.
    with open(file + ".tmp", "w", encoding="utf-8", errors="surrogateescape") as out:
        out.write(line("model_checkpoint_path", model_checkpoint_path))
        out.writelines(line("all_model_checkpoint_paths", path) for path in paths)
    os.replace(file + ".tmp", file)


def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> CheckpointState | None:
    """What the file `checkpoint` of a folder says, or None."""
    try:
        with open(_state_file(checkpoint_dir, latest_filename), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError:
        return None
    found: dict[str, list[str]] = {}
    for key, path in re.findall(r'^(\w+): "((?:[^"\\]|\\.)*)"$', text, re.MULTILINE):
        found.setdefault(key, []).append(os.path.join(checkpoint_dir, re.sub(r"\\(.)", r"\1", path)))
    latest = found.get("model_checkpoint_path")
    return CheckpointState(latest[0], found.get("all_model_checkpoint_paths", [])) if latest else None


def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Whether there is a checkpoint of this name."""
    return os.path.isfile(checkpoint_prefix + _SUFFIX)


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The name of the latest checkpoint of a folder, for `Saver.restore`; None where there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    return state.model_checkpoint_path if state and checkpoint_exists(state.model_checkpoint_path) else None


def _by_name(var_list: Any) -> dict[str, _tconv.Variable]:
    named = isinstance(var_list, dict)
    given = var_list.values() if named else global_variables() if var_list is None else var_list
    variables = list(given)
    for variable in variables:
        if not isinstance(variable, _tconv.Variable):
            raise TypeError(f"Variable to save is not a Variable: {variable!r}")
    if named:
        return dict(var_list)
    by_name = {variable.op.name: variable for variable in variables}
    if len(by_name) < len(variables):
        raise ValueError("At least two variables have the same name")
    return by_name


class Saver:
    """Saves and restores variables: `var_list` (a list, or a dictionary by the names in the file), by default all."""

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: int = 2,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        self._given = var_list
        self._variables = None if defer_build else _by_name(var_list)
        if self._variables == {} and not allow_empty:
            raise ValueError("No variables to save")
        self._reshape, self._max_to_keep, self._pad = reshape, max_to_keep, pad_step_number
        self._last: list[str] = []

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that this saver wrote and kept, the oldest first."""
        return list(self._last)

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Says which checkpoints count as written by this saver."""
        self._last = list(last_checkpoints)

    def recover_last_checkpoints(self, checkpoint_paths: list[str]) -> None:
        """The same, of those that are there."""
        self._last = [path for path in checkpoint_paths if checkpoint_exists(path)]

    def _all(self) -> dict[str, _tconv.Variable]:
        if self._variables is None:
            self._variables = _by_name(self._given)
        return self._variables

    def save(
        self,
        sess: _tconv.Session,
        save_path: str,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str:
        """Writes a checkpoint, `save_path` with `-` and the step behind it, and forgets all but the latest ones.

        The answer is the checkpoint's name. The graph itself is not written.

        Raises:
          FailedPreconditionError: a variable has no value.
          ValueError: the folder is not there.
        """
        path = os.fsdecode(save_path)
        if global_step is not None:
            is_number = isinstance(global_step, (int, np.integer))
            step = int(global_step) if is_number else int(sess.run(global_step))
            path = f"{path}-{step:08d}" if self._pad else f"{path}-{step}"
        directory = os.path.dirname(path)
        if directory and not os.path.isdir(directory):
            raise ValueError(f"Parent directory of {path} doesn't exist, can't save.")
        _tconv.save_variables(path + _SUFFIX, sess.run(self._all()))
        self._last = [kept for kept in self._last if kept != path] + [path]
        while self._max_to_keep and len(self._last) > self._max_to_keep:
            oldest = self._last.pop(0) + _SUFFIX
            if os.path.exists(oldest):
                os.remove(oldest)
        if write_state:
            update_checkpoint_state(directory or ".", path, self._last, latest_filename)
        return path

    def restore(self, sess: _tconv.Session, save_path: str) -> None:
        """Gives the variables the values of a checkpoint; they need no other initialization.

        Raises:
          ValueError: there is no such checkpoint.
          NotFoundError: a variable is not in it.
          InvalidArgumentError: a variable has another shape there.
        """
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        if not checkpoint_exists(os.fsdecode(save_path)):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {save_path}")
        values = _tconv.load_variables(os.fsdecode(save_path) + _SUFFIX)
        for name, variable in self._all().items():
            if name not in values:
                raise NotFoundError(None, variable.op, f"Key {name} not found in checkpoint")
            if self._reshape:
                values[name] = values[name].reshape([int(size or 0) for size in variable.shape.as_list()])
            if not variable.shape.is_compatible_with(values[name].shape):
                raise InvalidArgumentError(
                    None,
                    variable.op,
                    f"Assign requires shapes of both tensors to match. lhs shape= {variable.shape} rhs shape= "
                    f"{_tconv.TensorShape(values[name].shape)} ({name})",
                )
            if variable.dtype != values[name].dtype:
                raise InvalidArgumentError(
                    None,
                    variable.op,
                    f"Assign requires dtypes of both tensors to match. lhs dtype= {variable.dtype.name} rhs dtype= "
                    f"{values[name].dtype} ({name}): cast the checkpoint's array, or restore a variable of its dtype",
                )
        for name, variable in self._all().items():
            variable.load(values[name], sess)
