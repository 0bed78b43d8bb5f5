"""`drumjax train RECIPE`: the options of every training, then those of the recipe's own configuration."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import arg

from drumjax.boundary import InputError
from drumjax.cli.arguments import parse

if TYPE_CHECKING:
    from drumjax.train.recipe import Recipe
    from drumjax.train.team import Team


@dataclass(frozen=True, kw_only=True)
class Training:
    """The options of every training."""

    data: str
    """Prepared data (a folder of 'drumjax data build', an .npz of 'drumjax data arrays') or 'embedded'."""
    workdir: Path
    """Where configuration, metrics and checkpoints go."""
    steps: int | None = None
    """Length in steps. Default: the configuration's epochs or iterations."""
    budget: str | None = None
    """Length in time, such as 90s, 10m or 2h, all included; fixed as a number of steps once the pace is known."""
    resume: Literal["auto", "never"] = "auto"
    """Go on with what the working directory holds, or refuse one that is not empty."""
    parallel: Literal["jit", "pmap"] = "jit"
    """How several devices share a batch."""
    cpu_devices: int = 1
    """On a CPU: how many devices it stands for. The batch is split over them, so that a recurrent network, whose steps wait for
    each other, keeps as many cores busy; a resumed run is bit-identical with the same number only."""
    coordinator: str | None = None
    """Several processes or hosts: HOST:PORT of process 0 as the others reach it, the same for each; or 'auto' where the cluster
    (Slurm, Open MPI, Kubernetes, TPU pods) tells JAX everything. The batch is split over the devices of all."""
    processes: int | None = None
    """Several processes: how many there are."""
    process: int | None = None
    """Several processes: which this one is, from 0. Process 0 writes; the others read its working directory."""
    join_seconds: float = 300.0
    """Several processes: so long one waits for the others to be started."""
    silence_seconds: float = 60.0
    """Several processes: one that gives no sign of life for so long is lost, and the others end with code 75: run all again."""


DESCRIPTION = """Train {name} on {kind}. Ctrl-C or SIGTERM writes a checkpoint and exits with 75: the same command goes on.

presets:
{presets}

examples:
  drumjax train {name} --data embedded --workdir runs/first --budget 10m
  drumjax train {name} --data data/ --workdir runs/mine --preset small
  drumjax train {name} --data data/ --workdir runs/mine --seed 1 --validate-every-epochs 2
"""

HELP = """usage: drumjax train RECIPE --data DIR|embedded --workdir DIR [options]

recipes: {recipes}

'drumjax train RECIPE --help' shows the options of a recipe.

examples:
  drumjax train pattern-vae --data embedded --workdir runs/first --budget 10m
"""


def _take_preset(arguments: list[str], presets: Any) -> tuple[str, list[str]]:
    """The preset of a command line, which decides the defaults of all other options, and the arguments without it."""
    rest, name, i = [], "paper", 0
    while i < len(arguments):
        word = arguments[i]
        if word == "--preset":
            name = arguments[i + 1] if i + 1 < len(arguments) else ""
            i += 2
            continue
        if word.startswith("--preset="):
            name = word.partition("=")[2]
        else:
            rest.append(word)
        i += 1
    if name not in presets:
        raise InputError("--preset", rule=f"one of {', '.join(presets)}", found=repr(name), remedy="choose one of them")
    return name, rest


def _call_type(chosen: Recipe, preset: str) -> type[Any]:
    """The recipe's fields stand beside the training's own, without a prefix: --data and --optimizer.learning-rate."""
    help_of_preset = "One of those above; it decides the defaults of the options below."
    call_type = make_dataclass(
        "Call",
        [
            ("preset", Annotated[Literal[tuple(chosen.presets)], arg(help=help_of_preset)], field(default=preset)),
            ("config", Annotated[chosen.config_type, arg(name="")], field(default=chosen.presets[preset])),
        ],
        bases=(Training,),
        frozen=True,
        kw_only=True,
    )
    presets = "\n".join(
        textwrap.fill(f"{name}: {chosen.summaries[name]}", 100, initial_indent="  ", subsequent_indent="    ")
        for name in chosen.presets
    )
    call_type.__doc__ = DESCRIPTION.format(name=chosen.name, kind=chosen.kind, presets=presets)
    return call_type


def _figures(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _split_cpu(devices: int) -> None:
    """Makes the CPU stand for several devices, before JAX starts.

    Raises:
      InputError: fewer than one or more than a batch could be split over, or JAX has started with another number.
    """
    if not 1 <= devices <= 256:
        raise InputError("--cpu-devices", rule="1 to 256 devices", found=str(devices), remedy="choose the number of cores")
    if devices == 1:
        return
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", devices)
    except RuntimeError as error:
        raise InputError(
            "--cpu-devices",
            rule="a process in which JAX has not started",
            found="one in which it has",
            remedy="start a new process",
        ) from error


def train(arguments: list[str], prog: str) -> int:
    """`drumjax train`."""
    from drumjax.train.recipe import RECIPES, recipe

    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP.format(recipes=", ".join(RECIPES)))
        return 0 if arguments else 2
    chosen = recipe(arguments[0])
    preset, rest = _take_preset(arguments[1:], chosen.presets)
    call: Any = parse(_call_type(chosen, preset), rest, f"{prog} {chosen.name}")
    _split_cpu(call.cpu_devices)
    if call.coordinator is None and call.processes is None and call.process is None:
        _run(chosen, call, None)
    else:
        from drumjax.train.hosts import as_process

        seconds = {"join_seconds": call.join_seconds, "silence_seconds": call.silence_seconds}
        as_process(partial(_run, chosen, call), call.coordinator, call.processes, call.process, **seconds)
    return 0


def _run(chosen: Recipe, call: Any, team: Team | None) -> None:
    from drumjax.checkpoint import read_card
    from drumjax.train.run import train as run

    result = run(
        chosen,
        call.config,
        call.data,
        call.workdir,
        steps=call.steps,
        budget=call.budget,
        resume=call.resume,
        parallel=call.parallel,
        own_process=True,
        team=team,
    )
    if team is not None and not team.is_first:
        return
    print(f"trained {result.steps} steps in {result.seconds:.0f} s; validation at the last step: {_figures(result.metrics)}")
    print(f"best checkpoint: {result.best}; its validation: {_figures(read_card(result.best)['metrics'])}")
    print(f"next: drumjax evaluate {call.workdir} --data {call.data} -o {call.workdir}/report")
