"""SQLAlchemy over psycopg2, as Superset and pandas use it: its engine's pool, its way of binding, and reflection."""

import sqlalchemy
from matrix import cell, converse, native


class SqlAlchemy:
    def __init__(self, server):
        self.engine = sqlalchemy.create_engine(
            sqlalchemy.engine.URL.create(
                "postgresql+psycopg2",
                username=server["user"],
                password=server["password"],
                host=server["host"],
                port=server["port"],
                database=server["database"],
                query={"sslmode": "disable"},
            ),
            pool_pre_ping=True,
        )

    def state_of(self, error):
        cause = getattr(error, "orig", None)
        return getattr(cause, "pgcode", None) or type(error).__name__, str(error)

    def ping(self):
        # Taken out of its pool, a connection is asked whether it lives.
        for _ in range(2):
            with self.engine.connect():
                pass
        return {"ok": True}

    def ask(self, sql, values=(), times=1):
        names = {f"v{place}": native(value) for place, value in enumerate(values, 1)}
        for place in range(len(values), 0, -1):
            sql = sql.replace(f"${place}", f":v{place}")
        # A cast is written so that its colons are none of a name's.
        with self.engine.connect() as connection:
            for _ in range(times):
                result = connection.execute(sqlalchemy.text(sql.replace("::", r"\:\:")), names)
                columns, rows = list(result.keys()), [[cell(value) for value in row] for row in result]
        return {"results": [{"columns": columns, "types": None, "rows": rows}]}

    def look_around(self):
        inspector = sqlalchemy.inspect(self.engine)
        columns = inspector.get_columns("usage", schema="public")
        reflected = sqlalchemy.Table("usage_hourly", sqlalchemy.MetaData(), autoload_with=self.engine)
        return {
            "found": {
                "schemas": inspector.get_schema_names(),
                "tables": sorted(inspector.get_table_names() + inspector.get_view_names()),
                "columns": [[column["name"], str(column["type"])] for column in columns],
                "keys": inspector.get_pk_constraint("usage")["constrained_columns"],
                "indexes": inspector.get_indexes("usage"),
                "reflected": [column.name for column in reflected.columns][:3],
            }
        }

    def close(self):
        self.engine.dispose()


converse(SqlAlchemy)
