"""How many rules a project may have, how many SKUs each, on which platforms; what is over it said, with the count.

A profile only refuses. Nothing is left out to make rules fit: a SKU that silently was not pushed is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pushdsl.errors import Diagnostic
from pushdsl.findings import Findings
from pushdsl.source import Span


@dataclass(frozen=True, slots=True)
class LimitsProfile:
    """`preset` is the one it began with, empty for none; a limit that is None does not limit."""

    preset: str = ""
    rules: int | None = None
    skus_per_rule: int | None = None
    blocked_platforms: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        return f"the limits profile `{self.preset}`" if self.preset else "`[limits]` in `pushdsl.toml`"


UNLIMITED = LimitsProfile()

PRESETS: Mapping[str, LimitsProfile] = MappingProxyType(
    {
        "free": LimitsProfile("free", rules=1, skus_per_rule=500, blocked_platforms=frozenset(["tokopedia"])),
        "vip": LimitsProfile("vip", skus_per_rule=5_000),
    }
)


def say_many_rules(heads: Sequence[Span], profile: LimitsProfile, findings: Findings) -> None:
    """An error at the first rule too many. `heads` are those of the rules that count, in the order of the text."""
    if profile.rules is not None and len(heads) > profile.rules:
        message = f"there are {_count(len(heads), 'rule')}, and {profile.words} allows {profile.rules}"
        help = "join rules, disable some of them, or raise `rules` under `[limits]`"
        beyond = heads[profile.rules :]
        findings.error("PUSH225", message, beyond[0], help, related=beyond[1:4])


def too_many_skus(name: str, head: Span, count: int, profile: LimitsProfile) -> Diagnostic | None:
    """The error for a rule with more SKUs than the profile allows; they are counted each once."""
    if profile.skus_per_rule is None or count <= profile.skus_per_rule:
        return None
    message = f"rule `{name}` has {_count(count, 'SKU')}, and {profile.words} allows {profile.skus_per_rule}"
    help = "narrow its `for`, or share its SKUs among several rules; none of them is left out by itself"
    return Diagnostic("PUSH226", message, head, help)


def say_blocked_platform(store: str, platform: str, span: Span, profile: LimitsProfile, findings: Findings) -> bool:
    """Whether the store's platform is blocked, which then is an error."""
    if platform not in profile.blocked_platforms:
        return False
    message = f"`{store}` is on `{platform}`, which {profile.words} does not allow"
    help = "delete the store, or take the platform out of `blocked_platforms` under `[limits]`"
    findings.error("PUSH114", message, span, help)
    return True


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
