"""Files and folders that are either whole or absent, whatever interrupts their making."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def whole(path):
    """Gives a path beside `path` to make; it takes the name `path` only if nothing was raised."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    _remove(partial)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        _remove(partial)


def remove_partial(folder):
    """Clears what a killed process was making anywhere under a folder."""
    for path in list(folder.rglob("*.partial")):
        _remove(path)
