"""The one door to the operating system's processes: what to run, and what came back.

Arguments are tuples, never shell text; the environment is built, not inherited; standard input is closed
unless given. A child never outlives the call that started it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import selectors
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from validator.errors import Interrupted, ToolError, UsageError

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLEAN_ENV: Mapping[str, str] = {"PATH": SYSTEM_PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb"}
KEPT_OUTPUT = 8 * 1024 * 1024  # bytes of one stream that are kept in memory
END_TIMEOUT = 10.0  # seconds that a process may take to end once it was told to
TIMED_OUT = 124  # the exit status timeout(1) uses, kept for people who know it

Lines = Callable[[str], None]
Answers = Callable[[str], bytes]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command line with everything it depends on. `timeout` is in seconds; `label` is for messages.

    `channel` names an environment variable that will hold the number of a descriptor on which the child
    may write lines of its own, apart from its output, and read what they are answered. With `lifeline`, the
    last argument is followed by the number of a descriptor that reaches end-of-file when this process dies,
    however it dies.
    """

    argv: tuple[str, ...]
    label: str
    env: Mapping[str, str] = field(default_factory=lambda: CLEAN_ENV)
    cwd: Path = Path("/")
    stdin: bytes = b""
    timeout: float = 600.0
    accept: frozenset[int] | None = frozenset({0})
    channel: str = ""
    lifeline: bool = False

    def pasteable(self) -> str:
        """The command as a line for a shell."""
        return shlex.join(self.argv)


@dataclass(frozen=True, kw_only=True)
class Completed:
    """How a command ended. `cpu_seconds` counts the children of this process that ended meanwhile."""

    command: Command
    code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    cpu_seconds: float
    timed_out: bool = False

    @property
    def text(self) -> str:
        """Standard output as text; undecodable bytes are replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def errors(self) -> str:
        """Standard error as text; undecodable bytes are replaced."""
        return self.stderr.decode("utf-8", "replace")


def run(command: Command, *, on_output: Lines | None = None, on_channel: Answers | None = None) -> Completed:
    """Run to the end. `on_output` sees each line of output as it comes, `on_channel` each line of the channel.

    What `on_channel` returns is sent to the child; the child's output waits meanwhile.

    Raises `ToolError` when the program is missing or ends with a status that `accept` does not hold; with
    `accept=None` every status, a timeout included, is the caller's to judge.
    """
    started, cpu = time.monotonic(), _cpu_of_children()
    with _pipes(command) as pipes:
        child = _start(command, pipes)
        try:
            pump = _Pump(command, child, pipes, {"stdout": on_output, "stderr": on_output}, on_channel)
            timed_out = not pump.run()
        finally:
            _end(child)
    done = Completed(
        command=command,
        code=TIMED_OUT if timed_out else child.returncode,
        stdout=bytes(pipes.kept["stdout"]),
        stderr=bytes(pipes.kept["stderr"]),
        seconds=time.monotonic() - started,
        cpu_seconds=_cpu_of_children() - cpu,
        timed_out=timed_out,
    )
    if command.accept is not None and (timed_out or done.code not in command.accept):
        raise ToolError(_failure(done), hint=f"Run it by hand: {command.pasteable()}")
    return done


class _Pipes:
    """The descriptors between this process and a child, and what came through them."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.channel = self.channel_of_child = self.lifeline_read = -1
        self.kept = {"stdout": bytearray(), "stderr": bytearray(), "channel": bytearray()}

    def pair(self, *, both_ways: bool = False) -> tuple[int, int]:
        if both_ways:
            ours, theirs = socket.socketpair()
            ends = (ours.detach(), theirs.detach())
        else:
            ends = os.pipe()
        self.open.update(ends)
        return ends

    def close(self, end: int) -> None:
        if end in self.open:
            self.open.discard(end)
            os.close(end)


@contextmanager
def _pipes(command: Command) -> Iterator[_Pipes]:
    pipes = _Pipes()
    try:
        if command.channel:
            pipes.channel, pipes.channel_of_child = pipes.pair(both_ways=True)
        if command.lifeline:
            pipes.lifeline_read, _ = pipes.pair()
        yield pipes
    finally:
        for end in tuple(pipes.open):
            pipes.close(end)


@dataclass(frozen=True, kw_only=True)
class Attached:
    """A child that reads and writes the caller's descriptors. `ended` is a pidfd: readable once it has ended."""

    ended: int
    _child: subprocess.Popen[bytes] = field(repr=False)

    def code(self) -> int:
        """Wait for its end: the status that a shell would show."""
        code = self._child.wait()
        return code if code >= 0 else 128 - code


@contextmanager
def attached(
    command: Command, *, stdin: int | None = None, stdout: int, stderr: int, grace: float = 0.0
) -> Iterator[Attached]:
    """A child in a session of its own, on descriptors of the caller's, until the block ends; `timeout` means nothing.

    Without `stdin` it reads nothing. What still runs at the end of the block is asked to end (SIGTERM), where `grace`
    gives it so many seconds, and killed. Raises `ToolError` when the program is missing.
    """
    with _pipes(command) as pipes:
        child = _start(command, pipes, (subprocess.DEVNULL if stdin is None else stdin, stdout, stderr))
        try:
            ended = os.pidfd_open(child.pid)
            try:
                yield Attached(ended=ended, _child=child)
            finally:
                os.close(ended)
        finally:
            try:
                if grace and child.poll() is None:
                    child.terminate()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(grace)
            finally:
                _end(child)


def _start(command: Command, pipes: _Pipes, streams: tuple[int, int, int] | None = None) -> subprocess.Popen[bytes]:
    stdin, stdout, stderr = streams or (
        subprocess.PIPE if command.stdin else subprocess.DEVNULL,
        subprocess.PIPE,
        subprocess.PIPE,
    )
    env = dict(command.env)
    argv = list(command.argv)
    if command.channel:
        env[command.channel] = str(pipes.channel_of_child)
    if command.lifeline:
        argv.append(str(pipes.lifeline_read))
    passed = tuple(end for end in (pipes.channel_of_child, pipes.lifeline_read) if end >= 0)
    try:
        child = subprocess.Popen(
            argv,
            env=env,
            cwd=command.cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=passed,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise ToolError(
            f"{command.label}: {argv[0]} is not on this machine", hint="`validate doctor` says what is missing."
        ) from error
    for end in passed:
        pipes.close(end)
    return child


class _Pump:
    """Moves bytes between this process and a child until the child has ended and its streams are drained."""

    def __init__(
        self,
        command: Command,
        child: subprocess.Popen[bytes],
        pipes: _Pipes,
        listeners: Mapping[str, Lines | None],
        on_channel: Answers | None,
    ) -> None:
        self._deadline = time.monotonic() + command.timeout
        self._child, self._kept = child, pipes.kept
        self._listeners = {**listeners, "channel": self._answering(on_channel, pipes.channel)}
        self._pending = {name: bytearray() for name in pipes.kept}
        self._unsent = memoryview(command.stdin)
        self._ended = False
        self._selector = selectors.DefaultSelector()
        streams = {
            "stdout": child.stdout.fileno() if child.stdout else -1,
            "stderr": child.stderr.fileno() if child.stderr else -1,
            "channel": pipes.channel,
        }
        for name, descriptor in streams.items():
            if descriptor >= 0:
                os.set_blocking(descriptor, False)
                self._selector.register(descriptor, selectors.EVENT_READ, name)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            self._selector.register(child.stdin.fileno(), selectors.EVENT_WRITE, "stdin")

    @staticmethod
    def _answering(on_channel: Answers | None, channel: int) -> Lines | None:
        def listen(line: str) -> None:
            answer = on_channel(line) if on_channel is not None else b""
            if answer:
                with contextlib.suppress(OSError):  # who asked may be gone
                    os.write(channel, answer)

        return None if on_channel is None else listen

    def run(self) -> bool:
        """False when the time ran out."""
        exit_watch = os.pidfd_open(self._child.pid)
        try:
            with self._selector:
                self._selector.register(exit_watch, selectors.EVENT_READ, "exit")
                if not self._until_drained():
                    return False
        finally:
            os.close(exit_watch)
        for name, rest in self._pending.items():
            _tell(self._listeners.get(name), rest)
        self._child.wait()
        return True

    def _until_drained(self) -> bool:
        while not self._ended or self._selector.get_map():
            left = self._deadline - time.monotonic()
            if left <= 0:
                return False
            # What a daemon inherited may stay open for ever: once the child is gone, take what is there.
            events = self._selector.select(0 if self._ended else left)
            if self._ended and not events:
                break
            for key, _ in events:
                self._serve(key)
        return True

    def _serve(self, key: selectors.SelectorKey) -> None:
        done = True
        if key.data == "exit":
            self._ended = True
        elif key.data == "stdin":
            done = self._feed(key.fd)
        else:
            done = not self._take(key.fd, key.data)
        if done:
            self._selector.unregister(key.fd)
            if key.data == "stdin" and self._child.stdin is not None:
                self._child.stdin.close()

    def _feed(self, descriptor: int) -> bool:
        """Write once; True when there is no more to write."""
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent[:65536]) :]
        except BrokenPipeError:
            return True
        return not self._unsent

    def _take(self, descriptor: int, name: str) -> bool:
        """Read once; False at the end of the stream."""
        try:
            chunk = os.read(descriptor, 1 << 16)
        except ConnectionResetError:  # the other end of a channel went with an answer unread
            chunk = b""
        self._kept[name] += chunk[: max(KEPT_OUTPUT - len(self._kept[name]), 0)]
        if self._listeners.get(name) is not None:
            self._pending[name].extend(chunk)
            end = self._pending[name].rfind(b"\n") + 1
            _tell(self._listeners[name], self._pending[name][:end])
            del self._pending[name][:end]
        return bool(chunk)


def _tell(listener: Lines | None, lines: bytes | bytearray) -> None:
    if listener is not None:
        for line in lines.decode("utf-8", "replace").splitlines():
            listener(line)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave no child behind, on every way out."""
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue


def cpu_seconds() -> float:
    """CPU time of this thread and of all children of this process that have ended."""
    return time.thread_time() + _cpu_of_children()


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _failure(done: Completed) -> str:
    how = f"did not end within {done.command.timeout:.0f} s" if done.timed_out else f"ended with status {done.code}"
    said = (done.errors.strip() or done.text.strip()).splitlines()[-12:]
    return "\n".join((f"{done.command.label} {how}", *(f"  {line}" for line in said)))


class Companion:
    """A child that runs beside this process until it is stopped, or until this process dies.

    The child gets a descriptor (its last argument) that reaches end-of-file at that moment, and answers
    with one line on standard output when it is ready. `inherit` names variables of this process's environment.
    """

    def __init__(
        self,
        argv: tuple[str, ...],
        *,
        label: str,
        keep: tuple[int, ...] = (),
        log: Path,
        inherit: tuple[str, ...] = (),
    ) -> None:
        read, self._lifeline = os.pipe()
        self.label = label
        with log.open("wb") as errors:
            try:
                self._child = subprocess.Popen(
                    [*argv, str(read)],
                    env={**CLEAN_ENV, **{name: os.environ[name] for name in inherit if name in os.environ}},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    pass_fds=(read, *keep),
                    start_new_session=True,
                )
            except BaseException:
                os.close(self._lifeline)
                raise
            finally:
                os.close(read)

    @property
    def pid(self) -> int:
        """The child's pid on the machine."""
        return self._child.pid

    def answer(self, timeout: float) -> str:
        """The child's first line, or an empty string when it ended or `timeout` seconds passed without one."""
        if self._child.stdout is None:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            return self._child.stdout.readline().decode() if selector.select(timeout) else ""

    def running(self) -> bool:
        """Whether the child is still there."""
        return self._child.poll() is None

    @property
    def code(self) -> int | None:
        """How the child ended (a negative number is a signal's); None while it runs."""
        return self._child.poll()

    def cut(self) -> None:
        """Cut the lifeline: the child is to end, and nobody waits for it yet."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def stop(self, timeout: float = 10.0) -> None:
        """Cut the lifeline and wait; kill what does not end in `timeout` seconds."""
        self.cut()
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()


def start_apart(argv: tuple[str, ...], *, cwd: Path, log: Path, inherit: tuple[str, ...], timeout: float) -> str:
    """Start a program that stays when this process ends; returns the one line that it says when it is ready.

    The line is empty when the program ended without one, or was ended because `timeout` seconds passed. `inherit` are
    variables of this process's environment; errors go to `log`.
    """
    with log.open("wb") as errors:
        child = subprocess.Popen(
            argv,
            env={**CLEAN_ENV, **{name: os.environ[name] for name in inherit if name in os.environ}},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    said = ""
    try:
        with selectors.DefaultSelector() as selector:
            if child.stdout is not None:
                selector.register(child.stdout, selectors.EVENT_READ)
                said = child.stdout.readline().decode() if selector.select(timeout) else ""
    finally:
        if child.stdout is not None:
            child.stdout.close()
        if not said.endswith("\n"):
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(END_TIMEOUT)
            _end(child)
    return said


def started_at(pid: int) -> int | None:
    """When a process started, in clock ticks after the machine's boot; None when there is none. With the pid it names
    a process for good (proc(5), starttime)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def end(pid: int, started: int, *, timeout: float = 60.0) -> bool:
    """Ask a process to end (SIGTERM) and wait; kill it after `timeout` seconds. False when it had ended before."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if started_at(pid) != started:
            return False
        for number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, END_TIMEOUT)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(watch, number)
            if select.select((watch,), (), (), patience)[0]:
                break
        return True
    finally:
        os.close(watch)


def become(command: Command) -> NoReturn:
    """Turn this process into another program, with the terminal that it has."""
    os.execvpe(command.argv[0], command.argv, dict(command.env))  # noqa: S606 - the last thing that it does


@contextmanager
def locked(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[int | None]:
    """Hold a lock on a file for the block; yields its descriptor, or None when it is taken and `wait` is off.

    The kernel drops the lock when the last process that holds the descriptor ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _lock(path, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(path: Path, kind: int) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever held it before has removed the file: this lock protects nothing


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within the block SIGINT, SIGTERM and SIGHUP raise `Interrupted` in the main thread, once."""
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def raise_interrupted(number: int, _frame: FrameType | None) -> None:
        for each in watched:  # a second ^C must not tear the clean-up
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signal.Signals(number).name)

    before = {each: signal.signal(each, raise_interrupted) for each in watched}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def require_root() -> None:
    """Raise `UsageError` unless the effective user is root: mounts and namespaces of a host need it."""
    if os.geteuid() != 0:
        raise UsageError(
            "a disposable host can only be made by root (you are uid "
            f"{os.geteuid()}): it needs mounts with mapped owners",
            hint="Run the same command with sudo, e.g. `sudo .venv/bin/validate scenario NAME`.",
        )
