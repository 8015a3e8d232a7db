"""The table `[run]` of `pushdsl.toml` in; how the daemon works out, all checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches

from pushdsl.errors import SettingsError


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How `pushdsl run` works. Times are seconds.

    `window`: from the first trigger of a cell to its push, so that many triggers make one push. `send`: how long after
    an intent its calls may still begin; `answer`: how long a store may take for one. `round`: cells of a store in one
    intent. `stores_at_once`: stores that are pushed to at the same time. `facts_max_age`: a facts folder older than
    that pushes nothing. `wake`: `own`, `procrastinate`, or the address of a NATS server. `alert_after`: a store that
    has work and no success for so long is told of, to `alert_command` or `alert_url`.
    """

    window: float = 1.0
    send: float = 10.0
    answer: float = 30.0
    round: int = 200
    stores_at_once: int = 32
    sweep: float = 1.0
    facts_every: float = 2.0
    facts_max_age: float | None = None
    wake: str = "own"
    listen: str = ""
    events_token: str = field(default="", repr=False)
    alert_after: float = 900.0
    alert_command: tuple[str, ...] = ()
    alert_url: str = field(default="", repr=False)
    reconcile_every: float | None = None
    corrections_max: int = 100

    @property
    def lease(self) -> float:
        """How long a store's lane is held for one round: beyond the last answer that may come."""
        return self.send + self.answer + 5


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "window": (0, 60),
    "send": (0.1, 600),
    "answer": (0.1, 600),
    "round": (1, 10_000),
    "stores_at_once": (1, 1000),
    "sweep": (0.01, 60),
    "facts_every": (0.1, 86_400),
    "facts_max_age": (1, 31_536_000),
    "alert_after": (1, 31_536_000),
    "reconcile_every": (1, 31_536_000),
    "corrections_max": (0, 1_000_000_000),
}
_WHOLE = {"round", "stores_at_once", "corrections_max"}
_TEXTS = {"wake", "listen", "events_token", "alert_url"}


def run_settings(table: Mapping[str, object]) -> RunSettings:
    """Raises SettingsError. Values from the environment are put in before."""
    known = [field.name for field in fields(RunSettings)]
    for name, value in table.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
            raise SettingsError(f"unknown setting `{name}` in [run]", hint)
        _check(name, value)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    return RunSettings(**values)  # type: ignore[arg-type]  # each value was checked by its name


def _check(name: str, value: object) -> None:
    if name in _TEXTS:
        if not isinstance(value, str):
            raise SettingsError(f"`{name}` in [run] is no text", f'write it in quotes, like `{name} = "…"`')
        return
    if name == "alert_command":
        if not (isinstance(value, list) and value and all(isinstance(part, str) for part in value)):
            help = 'write `alert_command = ["notify", "--shop"]`, the program and what it is given'
            raise SettingsError("`alert_command` in [run] is no list of texts", help)
        return
    low, high = _BOUNDS[name]
    kinds = (int,) if name in _WHOLE else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
        kind = "a whole number" if name in _WHOLE else "a number"
        raise SettingsError(
            f"`{name}` in [run] is not {kind} from {low:g} to {high:g}", f"write it like `{name} = {max(low, 1):g}`"
        )
