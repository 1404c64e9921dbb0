"""psqlODBC through pyodbc: what Excel, Power BI's ODBC way and other office programs use. In its default ways, and reading by
DECLARE and FETCH where `Fetch` is asked for."""

import concurrent.futures
import threading

import pyodbc
from matrix import Summary, cell, converse, native, placeholders, table

# The driver manager must not keep connections: a login that follows would not be one.
pyodbc.pooling = False


class Pyodbc:
    def __init__(self, server):
        self.server = server
        self.connection = self._connect()

    def _connect(self, user=None, password=None, tls=False, more=""):
        server = self.server
        secure = f"SSLmode=verify-full;pqopt={{sslrootcert={server['certificateFile']}}}" if tls else "SSLmode=disable"
        return pyodbc.connect(
            "DRIVER={PostgreSQL Unicode};"
            f"SERVER={server['host']};PORT={server['port']};DATABASE={server['database']};"
            f"UID={user or server['user']};PWD={{{password or server['password']}}};BoolsAsChar=0;{secure};{more}",
            autocommit=True,
        )

    def state_of(self, error):
        state, message = (error.args + ("", ""))[:2] if isinstance(error, pyodbc.Error) else (type(error).__name__, str(error))
        return "28P01" if "authentication failed" in str(message) else state, str(message)

    def _run(self, connection, sql, values=()):
        cursor = connection.cursor()
        cursor.execute(sql, *values)
        result = None if cursor.description is None else table(cursor.description, cursor.fetchall())
        cursor.close()
        return result

    def log_in(self, user, password, tls):
        connection = self._connect(user, password, tls)
        result = self._run(connection, "SELECT user")
        connection.close()
        return {"results": [result]}

    def ping(self):
        self._run(self.connection, "SELECT 1")
        return {"ok": True}

    def ask(self, sql, values=(), times=1):
        bound = [native(value) for value in values]
        for _ in range(times):
            result = self._run(self.connection, placeholders(sql, "?"), bound)
        return {"results": [] if result is None else [result]}

    def ask_several(self, sql):
        cursor, results = self.connection.cursor(), []
        cursor.execute(sql)
        while True:
            if cursor.description is not None:
                results.append(table(cursor.description, cursor.fetchall()))
            if not cursor.nextset():
                return {"results": results}

    def ask_in_turn(self, statements):
        outcomes = []
        for sql in statements:
            try:
                result = self._run(self.connection, sql)
                outcomes.append("done" if result is None else result["rows"][0][0])
            except pyodbc.Error as error:
                outcomes.append(self.state_of(error)[0])
        return {"outcomes": outcomes}

    def cancel(self, sql, afterMs):
        cursor = self.connection.cursor()
        timer = threading.Timer(afterMs / 1000, cursor.cancel)
        timer.start()
        try:
            cursor.execute(sql)
            return {"results": []}
        finally:
            timer.cancel()
            cursor.close()

    def read_with_cursors(self, sql, pieceRows):
        connection = self._connect(more=f"UseDeclareFetch=1;Fetch={pieceRows}")
        connection.autocommit = False
        first, second = connection.cursor(), connection.cursor()
        first.execute(sql)
        second.execute(sql)
        pieces = [cursor.fetchmany(pieceRows) for cursor in (first, second, first)]
        second.close()
        pieces.append(first.fetchall())
        first.close()
        connection.commit()
        connection.close()
        return {"pieces": [[cell(row[0]) for row in piece] for piece in pieces]}

    def transact(self, failing):
        connection, outcomes = self.connection, []
        connection.autocommit = False

        def run(sql):
            try:
                result = self._run(connection, sql)
                if result is not None:
                    outcomes.append(result["rows"][0][0])
            except pyodbc.Error as error:
                outcomes.append(self.state_of(error)[0])

        run("SET TRANSACTION READ ONLY")
        run("SELECT 1")
        run("SAVEPOINT before")
        run(failing)
        run("ROLLBACK TO SAVEPOINT before")
        run("SELECT 2")
        connection.commit()
        run(failing)
        run("SELECT 3")
        connection.rollback()
        connection.autocommit = True
        run("SELECT 4")
        return {"outcomes": outcomes}

    def read_all(self, sql):
        connection = self._connect(more="UseDeclareFetch=1;Fetch=10000")
        cursor, summary = connection.cursor(), Summary()
        cursor.execute(sql)
        while rows := cursor.fetchmany(10_000):
            summary.add(rows)
        cursor.close()
        connection.close()
        return summary.answer()

    def share_a_pool(self, connections, sql, asked):
        open_connections = [self._connect() for _ in range(connections)]

        def some(place):
            return [
                self._run(open_connections[place], placeholders(sql, "?"), [number])["rows"][0][0]
                for number in range(place, asked, connections)
            ]

        with concurrent.futures.ThreadPoolExecutor(connections) as threads:
            shares = list(threads.map(some, range(connections)))
        for connection in open_connections:
            connection.close()
        return {"outcomes": [shares[number % connections][number // connections] for number in range(asked)]}

    def look_around(self):
        cursor = self.connection.cursor()
        tables = [[row.table_schem, row.table_name, row.table_type] for row in cursor.tables(schema="public").fetchall()]
        columns = [[row.column_name, row.type_name] for row in cursor.columns(table="usage", schema="public").fetchall()]
        return {
            "found": {
                "product": self.connection.getinfo(pyodbc.SQL_DBMS_NAME),
                "tables": tables,
                "columns": columns,
                "keys": [list(row) for row in cursor.primaryKeys("usage", schema="public").fetchall()],
                "indexes": [row.index_name for row in cursor.statistics("usage", schema="public").fetchall() if row.index_name],
                "types": len(cursor.getTypeInfo().fetchall()) > 0,
                "procedures": len(cursor.procedures(schema="public").fetchall()),
            }
        }

    def close(self):
        self.connection.close()


converse(Pyodbc)
