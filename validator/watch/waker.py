"""Something to wait for: it can be read when something below some directories may have changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import watchfiles

TOGETHER = 300  # milliseconds within which changes are one: editors save in several steps, people several files
STEP = 60


class Waker:
    """Watches directories from threads of its own. `woken` is a descriptor; `calm` empties it."""

    def __init__(self) -> None:
        self.woken, self._wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(self._wake, False)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Waker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self.woken)
        os.close(self._wake)

    def watch(self, roots: Iterable[Path]) -> None:
        """Watch these from now on. A file is watched by its directory: editors put another one in its place."""
        self._end()
        self._stop = threading.Event()
        there = [root for root in roots if root.exists()]
        trees = {root for root in there if root.is_dir()}
        single = {root.parent for root in there if not root.is_dir()} - trees
        for paths, recursive in ((trees, True), (single, False)):
            if paths:
                thread = threading.Thread(target=self._listen, args=(sorted(paths), recursive, self._stop), daemon=True)
                thread.start()
                self._threads.append(thread)

    def calm(self) -> None:
        """Forget what has woken so far."""
        try:
            while os.read(self.woken, 4096):
                pass
        except BlockingIOError:
            return

    def _listen(self, paths: list[Path], recursive: bool, stop: threading.Event) -> None:  # noqa: FBT001 - a thread's target
        try:
            changes = watchfiles.watch(
                *paths,
                watch_filter=None,
                debounce=TOGETHER,
                step=STEP,
                stop_event=stop,
                recursive=recursive,
                raise_interrupt=False,
                ignore_permission_denied=True,
            )
            for _ in changes:
                self._tell()
        except OSError:  # it went between the look and the watch, or there are no more watches: the caller looks anyway
            self._tell()

    def _tell(self) -> None:
        try:
            os.write(self._wake, b".")
        except BlockingIOError:
            return

    def _end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
