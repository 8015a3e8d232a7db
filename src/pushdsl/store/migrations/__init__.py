"""A record of any schema in, one of the newest out, with all that it held; also a new record, from nothing.

The steps in `versions` are Alembic's. There is no environment and no ini file: what opens a record for writing runs
them, inside its own transaction and while it alone may write. The marker in `meta` says which schema a record has;
Alembic's own table follows it, because the first records were made without Alembic.
"""

from __future__ import annotations

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from pushdsl.store.statements import WRITE_META
from pushdsl.store.tables import MARKER, meta

TABLE = "pushdsl_migration"
"""Alembic's note of the newest step; its usual name could be another program's in the same database."""


def migrate(connection: Connection, schema: int | None, to: int) -> None:
    """Brings a record of this schema, or an empty database (None), to the schema `to`, within the open transaction."""
    scripts = ScriptDirectory(str(Path(__file__).parent))

    def steps(noted: str | tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        return scripts._upgrade_revs(str(to), noted)  # type: ignore[arg-type]  # as Alembic's own command does

    options = {"fn": steps, "script": scripts, "version_table": TABLE}
    context = MigrationContext.configure(connection, opts=options)
    if schema is not None:
        context.stamp(scripts, str(schema))
    with Operations.context(context):
        context.run_migrations()
    _mark(connection, to)


def _mark(connection: Connection, schema: int) -> None:
    """Says the schema where an older pushdsl looks, which then leaves the record alone."""
    marker = (meta.c.tenant == "") & (meta.c.name == MARKER)
    if not connection.execute(meta.update().where(marker).values(value=schema)).rowcount:
        connection.execute(WRITE_META, {"p_tenant": "", "p_name": MARKER, "p_value": schema})
