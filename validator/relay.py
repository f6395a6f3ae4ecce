"""Bytes between the user's side (a terminal, or pipes) and a child that runs elsewhere, until the child has ended."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import termios
import time
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

CHUNK = 1 << 16
LAST_WORDS = 1.0  # seconds in which what a child has written is still taken after its end


class HungUpError(Exception):
    """The user's side is gone: nobody reads or types any more."""


def relay(source: int, sink: int, outward: Mapping[int, int], ended: int) -> None:
    """Copy `source` to `sink`, and each key of `outward` to its value, until `ended` can be read and all is copied.

    A pipe to the child ends when `source` does. `sink` is made non-blocking. Raises `HungUpError` when a terminal at
    `source`, or whoever read the other side, has gone.
    """
    _Relay(source, sink, outward, ended).run()


class _Relay:
    """A child that does not read must not keep what it writes from being read: what it is sent waits here."""

    def __init__(self, source: int, sink: int, outward: Mapping[int, int], ended: int) -> None:
        self._source, self._outward, self._ended = source, dict(outward), ended
        self._sink = sink
        self._unsent = bytearray()
        self._more = True  # to come from the source
        os.set_blocking(sink, False)
        self._selector = selectors.PollSelector()  # it takes regular files, which epoll refuses
        for descriptor in (*outward, ended):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def run(self) -> None:
        with self._selector:
            while not self._step():
                pass
            deadline = time.monotonic() + LAST_WORDS
            while self._outward and time.monotonic() < deadline:
                ready = [key.fd for key, _ in self._selector.select(0) if key.fd in self._outward]
                if not ready:
                    return
                for descriptor in ready:
                    self._pass_on(descriptor)

    def _step(self) -> bool:
        """Wait for something and deal with it; True when the child has ended."""
        self._ask_for(self._source, selectors.EVENT_READ, wanted=self._more and len(self._unsent) < CHUNK)
        # A terminal is one descriptor for both directions.
        both = selectors.EVENT_READ if self._sink in self._outward else 0
        if both and self._unsent:
            self._selector.modify(self._sink, both | selectors.EVENT_WRITE)
        elif both:
            self._selector.modify(self._sink, both)
        else:
            self._ask_for(self._sink, selectors.EVENT_WRITE, wanted=bool(self._unsent))
        over = False
        for key, events in self._selector.select():
            if key.fd == self._ended:
                over = True
            elif key.fd == self._source:
                self._take()
            elif events & selectors.EVENT_WRITE:
                self._send()
            if key.fd in self._outward and events & selectors.EVENT_READ:
                self._pass_on(key.fd)
        return over

    def _ask_for(self, descriptor: int, event: int, *, wanted: bool) -> None:
        asked = descriptor in {key.fd for key in self._selector.get_map().values()}
        if wanted and not asked:
            self._selector.register(descriptor, event)
        elif asked and not wanted:
            self._selector.unregister(descriptor)

    def _take(self) -> None:
        chunk = _read(self._source)
        if not chunk and os.isatty(self._sink):
            raise HungUpError
        self._more = bool(chunk)
        self._unsent += chunk
        if not self._more and not self._unsent:
            self._close_sink()

    def _send(self) -> None:
        try:
            del self._unsent[: os.write(self._sink, self._unsent[:CHUNK])]
        except BlockingIOError:
            return
        except OSError:  # the child has closed it, or gone: nobody wants the rest
            self._unsent.clear()
            self._more = False
        if not self._more and not self._unsent:
            self._close_sink()

    def _close_sink(self) -> None:
        if os.isatty(self._sink):
            return
        self._ask_for(self._sink, selectors.EVENT_WRITE, wanted=False)
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, self._sink, inheritable=False)  # the descriptor itself is the caller's to close
        os.close(null)

    def _pass_on(self, descriptor: int) -> None:
        chunk = _read(descriptor)
        if not chunk:
            del self._outward[descriptor]
            self._ask_for(descriptor, selectors.EVENT_READ, wanted=False)
            return
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[os.write(self._outward[descriptor], rest) :]
            except OSError as error:
                raise HungUpError from error


def _read(descriptor: int) -> bytes:
    """What is there; nothing at the end, of which a terminal says EIO."""
    try:
        return os.read(descriptor, CHUNK)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


@contextmanager
def raw(terminal: int, other: int) -> Iterator[None]:
    """Hand every key through, ^C included, and have the pseudo terminal `other` behave and measure like the user's.

    The user's terminal is as before after the block; not when this process is killed with SIGKILL.
    """
    before = termios.tcgetattr(terminal)
    termios.tcsetattr(other, termios.TCSANOW, before)

    def measure(*_: object) -> None:
        with contextlib.suppress(OSError):  # either may be gone
            fcntl.ioctl(other, termios.TIOCSWINSZ, fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8))

    measure()
    handler = signal.signal(signal.SIGWINCH, measure)
    try:
        tty.setraw(terminal)
        yield
    finally:
        signal.signal(signal.SIGWINCH, handler)
        with contextlib.suppress(termios.error):  # it is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
