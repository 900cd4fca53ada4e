"""`tf.gfile`: files of this machine."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from typing import Any

Exists = os.path.exists
Glob = glob.glob
IsDirectory = os.path.isdir
ListDirectory = os.listdir
MkDir = os.mkdir
Remove = os.remove
DeleteRecursively = shutil.rmtree
Stat = os.stat


def MakeDirs(dirname: str) -> None:
    """Makes a folder and those that it stands in; nothing where it is there."""
    os.makedirs(dirname, exist_ok=True)


def Copy(oldpath: str, newpath: str, overwrite: bool = False) -> None:
    """Copies a file."""
    _free(newpath, overwrite)
    shutil.copyfile(oldpath, newpath)


def Rename(oldname: str, newname: str, overwrite: bool = False) -> None:
    """Renames a file."""
    _free(newname, overwrite)
    os.replace(oldname, newname)


def Walk(top: str, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder below `top`, with the folders and the files in it."""
    return os.walk(top, topdown=in_order)


def GFile(name: str, mode: str = "r") -> Any:
    """An open file."""
    return open(name, mode, encoding=None if "b" in mode else "utf-8")


def _free(path: str, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path} is there already")


Open = FastGFile = GFile
