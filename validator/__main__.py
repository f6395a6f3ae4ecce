"""`validate`: whatever happens, the exit status is one of the contract's."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

from validator.errors import Exit, Interrupted, ValidatorError


def main() -> None:
    """Run the command line. An unexpected exception ends with 3: a crash must not look like a verdict."""
    sys.exit(status())


def status() -> int:
    """The exit status of this process's command line."""
    try:
        # Imported here, so that an installation that is broken does not end with Python's 1, which means "diverged".
        from validator import process  # noqa: PLC0415 - keeps --help fast
        from validator.cli import app  # noqa: PLC0415 - keeps --help fast

        with process.signals_raise():
            # Without its own handling of exits, click hands an `Exit`'s status back as the return value.
            returned = app(standalone_mode=False)
        return returned if isinstance(returned, int) else Exit.CONVERGED
    except Interrupted as interrupted:
        _say(f"interrupted ({interrupted.signal_name}); nothing is left behind")
        return Exit.INTERRUPTED
    except ValidatorError as error:
        _say(f"error: {error.message}")
        if error.hint:
            _say(f"  to do: {error.hint}")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read the output has gone: nothing can be delivered, so nothing was shown to pass.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.CANNOT_JUDGE
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Click's own complaints are about usage; anything else is a defect of this program."""
    show = getattr(error, "show", None)
    if callable(show) and hasattr(error, "exit_code"):
        show()
        return Exit.USAGE
    traceback.print_exc()
    _say("error: this is a defect of the validator, not a verdict; please report the lines above")
    return Exit.CANNOT_JUDGE


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone; the status is still the contract's
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the last words of the command


if __name__ == "__main__":
    main()
