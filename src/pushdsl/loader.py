"""Paths of rule files in; their trees, the files they use, and their SKU lists out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pushdsl.errors import Diagnostic
from pushdsl.grammar.nodes import File


@dataclass(frozen=True, slots=True)
class Loaded:
    """All rule files of a run. `lists` holds the SKUs of each `from` file by (name of the rule file, path as written).

    `diagnostics` are the errors of reading and parsing; `sha256` covers every byte that was read.
    """

    files: tuple[File, ...]
    lists: Mapping[tuple[str, str], tuple[str, ...]]
    diagnostics: tuple[Diagnostic, ...]
    sha256: str
