"""Where the project's data files are, and where it keeps what it writes beside its databases."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

REPOSITORY = Path(__file__).resolve().parents[2]
INCLUDE = Path(os.environ.get("SLIPWAY_INCLUDE", REPOSITORY / "include"))
#: How long a step of a release waits for the object storage.
STORAGE_SECONDS = 10.0
T = TypeVar("T")


def object_folder(variable: str, name: str) -> ObjectStoragePath:
    """Return a folder of Airflow's object storage.

    :param variable: environment variable that names a folder or a bucket, such as ``gs://bucket/reports``,
        with the Airflow connection before an ``@``: ``gs://google_cloud_default@bucket/reports``.
    :param name: its name below ``AIRFLOW_HOME`` where the variable is not set.
    """
    from airflow.sdk import ObjectStoragePath

    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    named = os.environ.get(variable) or str(home / name)
    return ObjectStoragePath(named if "://" in named else Path(named).absolute().as_uri())


def without_waiting(work: Callable[[], T]) -> T:
    """Do something in the object storage that must not hold a release up: it is waited for some seconds only.

    The clients of object storages try for minutes, each in its own way.

    :param work: what is done, in a thread of its own; it may go on after its time.
    :return: what ``work`` returns.
    :raises TimeoutError: when it takes longer.
    """
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)

    # A process that ends waits for no daemon.
    threading.Thread(target=do, daemon=True, name="object storage").start()
    try:
        return done.result(STORAGE_SECONDS)
    except TimeoutError:
        if done.done():
            raise
        raise TimeoutError(f"no answer within {STORAGE_SECONDS:g} s") from None
