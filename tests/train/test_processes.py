"""Several processes train as one: the same bits, one that writes, one signal for all, and no one waits for the dead."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

from drumjax import checkpoint
from drumjax.boundary import InputError
from drumjax.cli import main
from drumjax.train import hosts
from drumjax.train.endings import Refused
from drumjax.train.run import train
from drumjax.train.team import Elsewhere, Team
from drumjax.train.workdir import restore

STEPS = 200
# Every step a dispatch of its own, so that there is time to send a signal between two.
SLOW = {"dispatch_steps": 1}
# Each process reads its own part of a batch, for each dispatch.
STREAMED = {"resident_limit_bytes": 0}


@pytest.fixture(scope="module")
def two_devices(together, tmp_path_factory) -> Path:
    """One process with two devices, never disturbed: what two processes with a device each are held against."""
    workdir = tmp_path_factory.mktemp("undisturbed")
    ((code, _, errors),) = together.ended([together.toy({"workdir": str(workdir), "steps": STEPS}, devices=2)])
    assert code == 0, errors
    return workdir


def bits(toy, workdir: Path) -> list[bytes]:
    """Every array of the last checkpoint's state, keys included."""
    state = restore(checkpoint.latest(workdir), toy.abstract_state(toy.RECIPE.presets["paper"]))
    leaves = [jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(state)]
    return [np.asarray(leaf).tobytes() for leaf in leaves]


def test_two_processes_outlive_a_signal_and_a_kill_and_end_with_the_bits_of_one(toy, together, two_devices, tmp_path) -> None:
    arguments = {"workdir": str(tmp_path), "steps": STEPS}
    places = [tmp_path / "checkpoints" / str(round(8 * k * 203 / 64)) for k in (1, 5)]

    running = together.toys(2, {**arguments, "config": SLOW | STREAMED})
    together.wait_for(places[0], running)
    running[1].send_signal(signal.SIGTERM)
    (first, _, first_errors), (second, _, second_errors) = together.ended(running)
    assert (first, second) == (75, 75), (first_errors, second_errors)
    last = checkpoint.latest(tmp_path)
    said = f"stopped at step {last.name} of {STEPS}; run again to resume"
    assert said in first_errors
    assert said in second_errors

    running = together.toys(2, {**arguments, "config": SLOW})
    together.wait_for(places[1], running)
    running[0].kill()  # the one that writes, and in which JAX's own coordinator lives
    began = time.monotonic()
    (first, _, _), (second, _, second_errors) = together.ended(running)
    assert time.monotonic() - began < 30  # not the 60 s after which silence would tell
    assert (first, second) == (-signal.SIGKILL, 75)
    assert "process 0: it died" in second_errors
    assert "start all processes again to resume" in second_errors

    ended = together.ended(together.toys(2, arguments))
    assert [code for code, _, _ in ended] == [0, 0], ended
    assert "going on from step" in ended[0][2]
    assert ended[1][2] == ""  # what is said is said once
    assert ended[0][1].splitlines()[-1] == ended[1][1].splitlines()[-1]  # the same result in both
    assert bits(toy, tmp_path) == bits(toy, two_devices)
    assert checkpoint.best(tmp_path).name == checkpoint.best(two_devices).name
    cards = [checkpoint.read_card(checkpoint.latest(workdir)) for workdir in (tmp_path, two_devices)]
    assert cards[0]["metrics"] == cards[1]["metrics"]
    held = {path.name for path in tmp_path.iterdir()}
    assert held == {"config.json", "metrics.csv", "tensorboard", "checkpoints", ".lock"}
    assert len(list((tmp_path / "tensorboard").iterdir())) == 3  # one a run, not one a process


def test_a_budget_is_the_same_number_of_steps_in_all_processes(toy, together, tmp_path) -> None:
    ended = together.ended(together.toys(2, {"workdir": str(tmp_path / "two"), "budget": "5s"}))
    assert [code for code, _, _ in ended] == [0, 0], ended
    steps = json.loads((tmp_path / "two" / "config.json").read_text())["steps"]
    assert all(f"\n{steps} " in f"\n{out}" for _, out, _ in ended)
    one = train(toy.RECIPE, None, toy.point_set(), tmp_path / "one", steps=steps)
    two = checkpoint.load_playing(checkpoint.latest(tmp_path / "two"))
    for a, b in zip(jax.tree.leaves(checkpoint.load_playing(one.checkpoint).params), jax.tree.leaves(two.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 if steps <= 500 else 1e-4)


def test_a_full_disk_under_process_0_ends_every_process_with_its_error(together, tmp_path) -> None:
    running = together.toys(2, {"workdir": str(tmp_path), "steps": 100000, "config": SLOW})
    together.wait_for(tmp_path / "checkpoints" / "25", running)
    resource.prlimit(running[0].pid, resource.RLIMIT_FSIZE, (512, 512))
    (first, _, first_errors), (second, _, second_errors) = together.ended(running)
    assert (first, second) == (2, 2), (first_errors, second_errors)
    assert "to write checkpoints and logs; found File too large; make room" in first_errors
    assert f"process 0: {tmp_path}: expected to write checkpoints and logs" in second_errors
    assert checkpoint.check_all(tmp_path)[0]


def test_a_signal_while_programs_are_compiled_ends_every_process_at_once(together, tmp_path) -> None:
    running = together.toys(2, {"workdir": str(tmp_path), "steps": 10**6})
    together.wait_for(tmp_path / "config.json", running)
    began = time.monotonic()
    running[1].send_signal(signal.SIGTERM)
    (first, _, first_errors), (second, _, second_errors) = together.ended(running)
    assert (first, second) == (75, 75), (first_errors, second_errors)
    assert time.monotonic() - began < 20
    assert "stopped" in first_errors
    assert "stopped" in second_errors


def test_processes_with_other_data_do_not_begin(together, tmp_path) -> None:
    workdir = tmp_path / "new"
    ended = together.ended(together.toys(2, {"workdir": str(workdir), "steps": 9}, own={1: {"sha": "b" * 64}}))
    for code, _, errors in ended:
        assert code == 2
        assert f"found '{'a' * 64}' in process 0, '{'b' * 64}' in process 1; give every process the same data" in errors
    assert not workdir.exists()


# --- the team, and the roll, without JAX --------------------------------------------------------------


def teams(count: int, **options) -> list[Team]:
    """The places of processes that are threads here."""
    pairs = {peer: socket.socketpair() for peer in range(1, count)}
    hub = Team(0, count, {peer: pair[0] for peer, pair in pairs.items()}, **options)
    return [hub, *(Team(peer, count, {0: pair[1]}, **options) for peer, pair in pairs.items())]


def in_all(everybody: list[Team], body) -> list:
    """What `body(team)` gives or raises in each."""

    def one(team: Team):
        try:
            with team:
                return body(team)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(everybody)) as pool:
        return list(pool.map(one, everybody))


def test_everybody_gathers_the_same_in_the_order_of_the_processes() -> None:
    def body(team: Team):
        return (
            [team.gather({"k": k, "mine": team.index}) for k in range(20)],
            team.first(lambda: team.index),
            team.agree(team.index + 0.5),
        )

    expected = ([[{"k": k, "mine": i} for i in range(3)] for k in range(20)], 0, 0.5)
    assert in_all(teams(3), body) == [expected] * 3


@pytest.mark.parametrize("culprit", [0, 2])
def test_an_error_in_one_process_is_raised_in_all_with_its_code(culprit) -> None:
    def body(team: Team):
        team.gather(None)
        if team.index == culprit:
            raise Refused("no")
        return team.gather(1)

    ended = in_all(teams(3), body)
    assert isinstance(ended.pop(culprit), Refused)
    for error in ended:
        assert isinstance(error, Elsewhere)
        assert (error.process, error.code, str(error)) == (culprit, 3, f"process {culprit}: no")


def test_what_differs_is_named_with_the_process_and_both_values() -> None:
    def body(team: Team):
        team.check_same({"batch_size": 64, "seed": 3 if team.index == 2 else 0}, "give the same")

    for error in in_all(teams(3), body):
        assert str(error) == "seed: expected the same in every process; found 0 in process 0, 3 in process 2; give the same"


def test_a_silent_process_is_lost_after_the_time_that_was_given() -> None:
    ours, theirs = socket.socketpair()  # at its other end no one beats
    began = time.monotonic()
    with theirs:
        (lost,) = in_all([Team(0, 2, {1: ours}, silence_seconds=1)], lambda team: team.gather(None))
    assert str(lost).startswith("process 1: no sign of life for 1 s;")
    assert str(lost).endswith("start all processes again to resume")
    assert lost.code == 75
    assert time.monotonic() - began < 12


def test_a_message_that_is_none_of_ours_counts_as_the_end_of_the_process() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b'{"kind": [[[\n')
    with theirs, pytest.raises(Elsewhere, match="process 1: it died"), Team(0, 2, {1: ours}) as team:
        team.gather(None)


def roll(processes: int, seconds: float, callers: list[dict]):
    """What the roll gives process 0, and what each caller hears."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

    def guarded(call, *arguments):
        try:
            return call(*arguments)
        except InputError as error:
            return str(error)

    def call(caller):
        time.sleep(caller.pop("late", 0.0))
        settings = {"processes": processes, "seconds": seconds} | caller
        return guarded(hosts._answer, "localhost", port, settings["processes"], settings["process"], settings["seconds"])

    with ThreadPoolExecutor(1 + len(callers)) as pool:
        zero = pool.submit(guarded, hosts._call_roll, "localhost", port, processes, seconds)
        heard = list(pool.map(call, callers))
        return zero.result(), heard


def test_the_roll_brings_everyone_together_whoever_comes_first() -> None:
    (address, connections, listener), heard = roll(3, 10, [{"process": 2}, {"process": 1, "late": 0.3}])
    with listener:
        assert sorted(connections) == [1, 2]
        assert [answer[0] for answer in heard] == [address, address]


def test_the_roll_says_who_comes_twice_who_counts_otherwise_and_who_is_missing() -> None:
    callers = [{"process": 1}, {"process": 1, "late": 0.4}, {"process": 2, "processes": 4, "late": 0.8}]
    zero, heard = roll(3, 2, callers)
    assert "expected 3 processes; found no call from process 2; start them all" in zero
    assert "found no call from process 2" in heard[0]
    assert "expected each number once; found process 1 twice" in heard[1]
    assert "expected one number of --processes; found 3 in process 0, 4 in process 2" in heard[2]


def test_another_version_and_a_stranger_are_turned_away(monkeypatch) -> None:
    ours = hosts._hello(1, 2)
    assert hosts._fault_of(ours, {0: "here"}, 2, "") is None
    assert "0.0.1 in process 1" in hosts._fault_of(ours | {"drumjax": "0.0.1"}, {0: "here"}, 2, "")["found"]
    for stranger in (None, [], {}, {"process": "1"}, ours | {"token": "guess"}, ours | {"process": 7}, ours | {"process": True}):
        assert hosts._fault_of(stranger, {0: "here"}, 2, "") == {}


def test_a_coordinator_that_is_not_there_is_an_error_within_the_time_given() -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match=r"expected process 0 at localhost:1 within 1 s; found .*refused; start process 0"):
        hosts._answer("localhost", 1, 2, 1, 1.0)
    assert time.monotonic() - began < 5


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held, pytest.raises(InputError, match="expected a free port on localhost"):
        hosts._call_roll("localhost", held.getsockname()[1], 2, 1.0)


def test_endless_and_silent_callers_hold_nobody_up(monkeypatch) -> None:
    monkeypatch.setattr(hosts, "CALL_SECONDS", 0.2)
    for talk in (b"x" * 100_000, b"[" * 4000 + b"\n", b""):
        ours, theirs = socket.socketpair()
        threading.Thread(target=lambda theirs=theirs, talk=talk: theirs.sendall(talk), daemon=True).start()
        with ours:
            assert hosts._hear(ours, 0.2) is None
        theirs.close()


def test_a_caller_that_dribbles_is_not_heard_out() -> None:
    ours, theirs = socket.socketpair()

    def dribble() -> None:
        with theirs, contextlib.suppress(OSError):
            for _ in range(400):
                theirs.send(b"x")
                time.sleep(0.05)

    thread = threading.Thread(target=dribble)
    thread.start()
    with ours:
        assert hosts._hear(ours, 0.3) is None
    assert thread.is_alive()  # it would have gone on for 20 s
    thread.join()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--coordinator", "localhost:7070"],
            "--processes: expected --coordinator HOST:PORT, --processes N and --process I together",
        ),
        (["--processes", "2"], "--processes: expected --coordinator HOST:PORT, --processes N and --process I together"),
        (["--coordinator", "auto", "--process", "1"], "found --coordinator auto; give all three, or leave these out"),
        (["--coordinator", "localhost", "--processes", "2", "--process", "1"], "expected HOST:PORT of process 0, or auto"),
        (["--coordinator", "h:1", "--processes", "2", "--process", "2"], "--process: expected a number from 0 to 1; found 2"),
        (["--coordinator", "h:1", "--processes", "0", "--process", "0"], "--processes: expected 1 to 65536 processes"),
        (
            ["--coordinator", "h:1", "--processes", "2", "--process", "0", "--join-seconds", "0"],
            "--join-seconds: expected 1 to 86400",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_an_error_of_the_call(options, said, tmp_path, monkeypatch, capsys) -> None:
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    main(["train", "pattern-vae", "--data", "embedded", "--workdir", str(tmp_path / "new"), *options])
    assert left == [2]
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
