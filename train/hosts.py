"""How the processes of a training on several hosts find each other, before JAX starts.

JAX's own way to join ends a process with an abort and a stack trace when the coordinator cannot be reached, a process is missing,
or one comes twice. So process 0 first calls the roll at the coordinator's address, and says to each what is wrong; JAX starts when
all are there. Where the cluster knows all this by itself (`auto`: Slurm, Open MPI, Kubernetes, TPU pods) JAX joins first, and the
processes then find process 0 through their devices.

Nobody is asked for a password, here as in JAX's own protocol: the network between the hosts must be a trusted one.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
import os
import secrets
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import jax
import numpy as np

from drumjax import __version__
from drumjax.boundary import InputError
from drumjax.train.endings import Ended
from drumjax.train.team import SILENCE_SECONDS, Team, code_of

JOIN_SECONDS = 300.0
"""So long a process waits for the others to be started."""
HELLO_BYTES = 4096
CALL_SECONDS = 5.0
"""So long a caller has to say who it is."""
Json = Any


@contextlib.contextmanager
def joined(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    join_seconds: float = JOIN_SECONDS,
    silence_seconds: float = SILENCE_SECONDS,
) -> Iterator[Team]:
    """Joins the other processes; to be called before JAX has started.

    Args:
      coordinator: `HOST:PORT` of process 0 as the others reach it, the same in every process; "auto" where the cluster says
        everything; None: this process trains alone, or JAX was joined already by `jax.distributed.initialize`.
      processes: how many there are.
      process: which this is, from 0; every number is taken once.
      join_seconds: how long to wait for the others.
      silence_seconds: after how long without a sign of life a process counts as lost.

    Raises:
      InputError: the options do not fit together, the coordinator cannot be reached, processes are missing, or one comes twice.
    """
    _check_options(coordinator, processes, process, join_seconds, silence_seconds)
    if coordinator is None:
        with connected(silence_seconds=silence_seconds) as team:
            yield team
        return
    # JAX would take SIGTERM for itself; a signal to one process stops all of them in our own way.
    jax.config.update("jax_enable_preemption_service", False)
    # JAX's own heartbeats are the second line: they abort, where ours say which process is lost and what to do.
    start = functools.partial(
        jax.distributed.initialize,
        initialization_timeout=max(1, round(join_seconds)),
        heartbeat_timeout_seconds=max(30, round(2 * silence_seconds + 10)),
        shutdown_timeout_seconds=30,
    )
    if coordinator == "auto":
        try:
            start()
        except (ValueError, RuntimeError) as error:
            remedy = "name --coordinator HOST:PORT, --processes and --process"
            raise InputError(
                "--coordinator", rule="a cluster that JAX knows, where it is auto", found=str(error), remedy=remedy
            ) from error
        with connected(silence_seconds=silence_seconds) as team:
            yield team
        return
    assert processes is not None
    assert process is not None
    host, port = _parse(coordinator)
    if process == 0:
        address, connections, listener = _call_roll(host, port, processes, join_seconds)
    else:
        address, connections, listener = *_answer(host, port, processes, process, join_seconds), None
    with contextlib.closing(listener) if listener else contextlib.nullcontext():
        # A loopback coordinator is not offered to the network.
        start(address, processes, process, coordinator_bind_address=address if _is_loopback(host) else None)
        with Team(process, processes, connections, silence_seconds=silence_seconds) as team:
            yield team


def as_process(
    run: Callable[[Team], None],
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    *,
    join_seconds: float = JOIN_SECONDS,
    silence_seconds: float = SILENCE_SECONDS,
) -> None:
    """What a program does that is one process of a training: it joins the others and runs, and an error ends the process.

    Arguments are those of `joined`. An error is printed, and the process ends at once with the command's exit code: on the way of
    the interpreter's own end JAX would wait for all processes, and abort where one is dead.
    """
    joining = joined(coordinator, processes, process, join_seconds=join_seconds, silence_seconds=silence_seconds)
    try:
        with joining as team:
            run(team)
    except BaseException as error:
        if isinstance(error, InputError | Ended):
            print(f"drumjax: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code_of(error))


@contextlib.contextmanager
def connected(*, silence_seconds: float = SILENCE_SECONDS) -> Iterator[Team]:
    """The team of processes that `jax.distributed` has joined already; of one where it has not."""
    if jax.process_count() == 1:
        yield Team()
        return
    from jax.experimental import multihost_utils

    process, processes = jax.process_index(), jax.process_count()
    room, token = 2048, secrets.token_hex(16)
    listener = _listen(("", 0)) if process == 0 else None
    known = {"hosts": _own_addresses(), "port": listener.getsockname()[1], "token": token} if listener else {}
    raw = json.dumps(known).encode().ljust(room)
    told = json.loads(bytes(np.asarray(multihost_utils.broadcast_one_to_all(np.frombuffer(raw[:room], np.uint8)))))
    if listener:
        with listener:
            connections = _gather_calls(listener, processes, told["token"], time.monotonic() + JOIN_SECONDS)
    else:
        connections = {0: _find(told["hosts"], told["port"], _hello(process, processes, told["token"]))}
    with Team(process, processes, connections, silence_seconds=silence_seconds) as team:
        yield team


# --- options --------------------------------------------------------------------------------------


def _check_options(
    coordinator: str | None, processes: int | None, process: int | None, join_seconds: float, silence_seconds: float
) -> None:
    together = "--coordinator HOST:PORT, --processes N and --process I together"
    given = [name for name, value in (("--processes", processes), ("--process", process)) if value is not None]
    if coordinator in (None, "auto"):
        if given:
            remedy = "give all three, or leave these out"
            raise InputError(given[0], rule=together, found=f"--coordinator {coordinator or 'left out'}", remedy=remedy)
    elif len(given) < 2:
        missing = "--processes" if processes is None else "--process"
        raise InputError(missing, rule=together, found="nothing", remedy="give all three")
    if processes is not None and not 1 <= processes <= 1 << 16:
        raise InputError("--processes", rule="1 to 65536 processes", found=str(processes), remedy="count the processes you start")
    if process is not None and processes is not None and not 0 <= process < processes:
        remedy = "number the processes from 0"
        raise InputError("--process", rule=f"a number from 0 to {processes - 1}", found=str(process), remedy=remedy)
    for name, value in (("--join-seconds", join_seconds), ("--silence-seconds", silence_seconds)):
        if not 1 <= value <= 86400:
            raise InputError(name, rule="1 to 86400 seconds", found=f"{value:g}", remedy="leave it out")


def _parse(coordinator: str) -> tuple[str, int]:
    host, _, port = coordinator.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InputError(
            "--coordinator", rule="HOST:PORT of process 0, or auto", found=repr(coordinator), remedy="such as 10.0.0.1:7070"
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _join_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# --- the roll -------------------------------------------------------------------------------------


def _hello(process: int, processes: int, token: str = "") -> Json:
    versions = {"drumjax": __version__, "jax": jax.__version__}
    return {"process": process, "processes": processes, "host": socket.gethostname(), "token": token, **versions}


def _listen(address: tuple[str, int]) -> socket.socket:
    if address[0] == "" and socket.has_dualstack_ipv6():
        return socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family)


def _call_roll(host: str, port: int, processes: int, seconds: float) -> tuple[str, dict[int, socket.socket], socket.socket]:
    """Process 0: waits for all others. Returns JAX's own address, the connections, and the listener, which still answers."""
    deadline = time.monotonic() + seconds
    try:
        listener = _listen((host if _is_loopback(host) else "", port))
    except OSError as error:
        remedy = "name another port, or end the training that holds it"
        raise InputError(
            "--coordinator", rule=f"a free port on {host}", found=f"{port}: {error.strerror}", remedy=remedy
        ) from error
    try:
        connections = _gather_calls(listener, processes, "", deadline)
        with _listen((host if _is_loopback(host) else "", 0)) as free:  # for JAX, which listens by itself
            address = _join_address(host, free.getsockname()[1])
        for connection in connections.values():
            _say(connection, {"go": address})
    except BaseException:
        listener.close()
        raise
    # Whoever comes now is told why it is too late.
    threading.Thread(target=_refuse_all, args=(listener, processes), daemon=True, name="drumjax-roll").start()
    return address, connections, listener


def _gather_calls(listener: socket.socket, processes: int, token: str, deadline: float) -> dict[int, socket.socket]:
    connections: dict[int, socket.socket] = {}
    hosts: dict[int, str] = {0: socket.gethostname()}
    while len(connections) < processes - 1:
        listener.settimeout(max(0.05, deadline - time.monotonic()))
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            missing = sorted({*range(processes)} - {*hosts})
            named = ", ".join(map(str, missing[:8])) + (", …" if len(missing) > 8 else "")
            missed = {"rule": f"{processes} processes", "found": f"no call from process {named}", "remedy": "start them all"}
            for caller in connections.values():
                _say(caller, {"refused": missed})
                caller.close()
            raise InputError("--processes", **missed) from None
        hello = _hear(connection)
        if (fault := _fault_of(hello, hosts, processes, token)) is None:
            hosts[hello["process"]], connections[hello["process"]] = str(hello["host"]), connection
        else:
            if fault:  # a stranger is not even told
                _say(connection, {"refused": fault})
            connection.close()
    return connections


def _fault_of(hello: Json, hosts: dict[int, str], processes: int, token: str) -> dict[str, str] | None:
    """Why a caller is refused, {} for one that does not know how to ask; None for one that belongs to us."""
    if not isinstance(hello, dict) or type(hello.get("process")) is not int or hello.get("token") != token:
        return {}
    ours, process = _hello(0, processes), hello["process"]
    for name in ("drumjax", "jax"):
        if hello.get(name) != ours[name]:
            found = f"{ours[name]} in process 0, {hello.get(name)} in process {process}"
            return {"rule": f"one version of {name}", "found": found, "remedy": "install the same everywhere"}
    if hello.get("processes") != processes:
        found = f"{processes} in process 0, {hello.get('processes')} in process {process}"
        return {"rule": "one number of --processes", "found": found, "remedy": "give the same to every process"}
    if process in hosts:
        found = f"process {process} twice: {hosts[process]} called as such before {hello.get('host')}"
        return {"rule": "each number once", "found": found, "remedy": "give every process a --process of its own"}
    return None if 0 < process < processes else {}


def _refuse_all(listener: socket.socket, processes: int) -> None:
    everybody = dict.fromkeys(range(processes), "a process that is at work")
    listener.settimeout(None)
    with contextlib.suppress(OSError):  # closed: the training is over
        while True:
            connection, _ = listener.accept()
            with connection:
                if fault := _fault_of(_hear(connection), everybody, processes, ""):
                    _say(connection, {"refused": fault})


def _answer(host: str, port: int, processes: int, process: int, seconds: float) -> tuple[str, dict[int, socket.socket]]:
    """Another process: calls process 0 until it answers. Returns JAX's own address and the connection."""
    deadline, why = time.monotonic() + seconds, "no answer"
    while (left := deadline - time.monotonic()) > 0:
        try:
            connection = socket.create_connection((host, port), timeout=max(0.1, min(left, CALL_SECONDS)))
        except OSError as error:
            why = error.strerror or str(error)
            time.sleep(min(0.2, left))
            continue
        _say(connection, _hello(process, processes))
        answer = _hear(connection, max(0.1, deadline - time.monotonic()) + CALL_SECONDS)
        if isinstance(answer, dict) and isinstance(answer.get("go"), str):
            return answer["go"], {0: connection}
        connection.close()
        if isinstance(answer, dict) and isinstance(answer.get("refused"), dict):
            _refused(answer["refused"])
        why = "it broke off"
        time.sleep(min(0.2, left))
    raise InputError(
        "--coordinator",
        rule=f"process 0 at {_join_address(host, port)} within {seconds:g} s",
        found=why,
        remedy="start process 0, look at the address and the firewall, or wait longer with --join-seconds",
    )


def _refused(fault: Json) -> NoReturn:
    raise InputError("--process", **{name: str(fault.get(name)) for name in ("rule", "found", "remedy")})


def _find(hosts: list[str], port: int, hello: Json) -> socket.socket:
    """A connection to process 0 by whichever of its addresses can be reached."""
    for host in hosts:
        with contextlib.suppress(OSError):
            connection = socket.create_connection((host, port), timeout=CALL_SECONDS)
            _say(connection, hello)
            return connection
    remedy = "let the hosts of the training reach each other"
    raise InputError("process 0", rule=f"an open port {port}", found=f"no way to {', '.join(hosts)}", remedy=remedy)


def _own_addresses() -> list[str]:
    """Addresses under which other hosts may reach this one, the likeliest first."""
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        way_out.connect(("198.51.100.1", 9))  # nothing is sent: it tells which of our addresses would be used
        found.append(way_out.getsockname()[0])
    found.append(socket.gethostname())
    with contextlib.suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)]
    return list(dict.fromkeys([*found, "127.0.0.1"]))[:8]


def _say(connection: socket.socket, message: Json) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(message).encode("ascii") + b"\n")


def _hear(connection: socket.socket, seconds: float = CALL_SECONDS) -> Json:
    """One message of a caller; None where it says nothing that can be understood. Reads no byte beyond it."""
    deadline = time.monotonic() + seconds  # of the whole message: one byte every few seconds keeps nobody waiting
    line = bytearray()
    try:
        while len(line) < HELLO_BYTES:
            connection.settimeout(max(1e-3, deadline - time.monotonic()))
            if not (byte := connection.recv(1)):
                break
            if byte == b"\n":
                return json.loads(line)
            line += byte
    except (OSError, ValueError, RecursionError):
        pass
    return None
