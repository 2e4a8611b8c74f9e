"""What the database itself refuses: changing signed minutes and audit rows, booking a specialist twice."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# (table, condition on the old row): such rows are never updated or deleted.
FIXED = (
    ("audit", None),
    ("events", None),
    ("addenda", None),
    ("mark_operations", None),
    ("minutes", "OLD.signed_at IS NOT NULL"),
)
# (name, what may not overlap): two live sessions at once of one specialist, or in one place of a hospital.
APART = (
    ("specialist", "specialist_id WITH =", ""),
    ("place", "hospital_id WITH =, place WITH =", " AND place <> ''"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, when in FIXED:
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER fixed_{table}_{act.lower()} BEFORE {act} ON {table} "
                    f"{f'WHEN {when} ' if when else ''}"
                    f"BEGIN SELECT RAISE(ABORT, 'rows of {table} never change'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME; END $$"
    )
    for table, when in FIXED:
        op.execute(
            f"CREATE TRIGGER fixed_{table} BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW "
            f"{f'WHEN ({when}) ' if when else ''}EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"CREATE TRIGGER kept_{table} BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    for name, same, also in APART:
        op.execute(
            f"ALTER TABLE sessions ADD CONSTRAINT ex_sessions_{name} EXCLUDE USING gist "
            f"({same}, tstzrange(starts_at, ends_at) WITH &&) "
            f"WHERE (cancelled_at IS NULL AND kind = 'live'{also})"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, _ in FIXED:
            for act in ("update", "delete"):
                op.execute(f"DROP TRIGGER fixed_{table}_{act}")
        return
    for name, _, _ in APART:
        op.execute(f"ALTER TABLE sessions DROP CONSTRAINT ex_sessions_{name}")
    for table, _ in FIXED:
        op.execute(f"DROP TRIGGER fixed_{table} ON {table}")
        op.execute(f"DROP TRIGGER kept_{table} ON {table}")
    op.execute("DROP FUNCTION refuse_change")
