"""The process that containers are forked from: ``python -m`` this module, a descriptor, and modules by name.

It imports the modules that containers run, and then forks a process for every line that it reads from the
socket with that descriptor. It answers with the process, and later with how that ended. The end of the
socket is its own end.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

_LOG_MODE = 0o644
_READ_BYTES = 1 << 16


class PreforkServer:
    """Forks processes, one thread alone: a fork has no lock that another thread holds.

    :param control: the socket to the cloud.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ended, self._woken = socket.socketpair()
        for end in (self._ended, self._woken):
            end.setblocking(False)

    def serve(self) -> None:
        """Fork for every request until the cloud closes the socket."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        unread = b""
        while True:
            readable, _, _ = select.select([self._control, self._ended], [], [])
            if self._ended in readable:
                self._report_ended()
            if self._control in readable:
                received = self._control.recv(_READ_BYTES)
                if not received:
                    return
                *lines, unread = (unread + received).split(b"\n")
                for line in lines:
                    self._fork(json.loads(line))

    def _report_ended(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._ended.recv(_READ_BYTES):
                pass
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._answer(pid=ended[0], exit_code=os.waitstatus_to_exitcode(ended[1]))

    def _fork(self, request: Mapping[str, Any]) -> None:
        pid = os.fork()
        if not pid:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._control, self._ended, self._woken):
                end.close()
            _run(request)
        self._answer(pid=pid, number=request["number"])

    def _answer(self, **fields: int) -> None:
        self._control.sendall(json.dumps(fields).encode() + b"\n")


def _run(request: Mapping[str, Any]) -> NoReturn:
    """Be the container: its log, environment and folder, then its module as the main program."""
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, _LOG_MODE)
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in enumerate((null, log, log)):
        os.dup2(source, descriptor)
    code = 1
    try:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = [request["module"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        # Gets no further than the end of the process.
        raise
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Import the modules, then serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        importlib.import_module(name)
        # It will be a main program, with everything that it imports at hand.
        del sys.modules[name]
    PreforkServer(control).serve()


if __name__ == "__main__":
    main()
