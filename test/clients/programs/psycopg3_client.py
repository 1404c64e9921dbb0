"""psycopg 3: libpq, the extended protocol as soon as there are values, prepared after five times, text and binary."""

import concurrent.futures
import threading

import psycopg
from matrix import Summary, cell, converse, native, placeholders, table


class Psycopg3:
    def __init__(self, server):
        self.server = {
            "host": server["host"],
            "port": server["port"],
            "dbname": server["database"],
            "user": server["user"],
            "password": server["password"],
        }
        self.certificate = server["certificateFile"]
        self.connection = self._connect()

    def _connect(self, **options):
        return psycopg.connect(**{**self.server, "sslmode": "disable", **options}, autocommit=True)

    def state_of(self, error):
        message = str(error).strip()
        state = getattr(error, "sqlstate", None)
        return state or ("28P01" if "authentication failed" in message else type(error).__name__), message

    def _table(self, cursor):
        types = [column.type_code for column in cursor.description]
        return table([(column.name,) for column in cursor.description], cursor.fetchall(), types)

    def _run(self, connection, sql, values=None, binary=None):
        with connection.cursor() as cursor:
            cursor.execute(sql, values, binary=binary)
            return None if cursor.description is None else self._table(cursor)

    def log_in(self, user, password, tls):
        secure = {"sslmode": "verify-full", "sslrootcert": self.certificate} if tls else {}
        with self._connect(user=user, password=password, **secure) as connection:
            result = self._run(connection, "SELECT user")
            used = connection.pgconn.ssl_in_use
        return {"results": [result]} if used == tls else {"error": "TLS", "message": f"in use: {used}"}

    def ping(self):
        # As the pool's check does.
        self.connection.execute("")
        return {"ok": True}

    def ask(self, sql, values=None, times=1):
        bound = None if values is None else [native(value) for value in values]
        text = sql if values is None else placeholders(sql, "%s")
        result = self._run(self.connection, text, bound)
        # Then in binary; from the sixth time on it is a prepared statement.
        for _ in range(times - 1):
            again = self._run(self.connection, text, bound, binary=True)
            if again != result:
                return {"error": "BINARY", "message": f"text {result}, binary {again}"}
        return {"results": [] if result is None else [result]}

    def ask_several(self, sql):
        results = []
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            while True:
                if cursor.description is not None:
                    results.append(self._table(cursor))
                if not cursor.nextset():
                    return {"results": results}

    def ask_in_turn(self, statements):
        outcomes = []
        for sql in statements:
            try:
                result = self._run(self.connection, sql)
                outcomes.append("done" if result is None else result["rows"][0][0])
            except psycopg.Error as error:
                outcomes.append(error.sqlstate)
        return {"outcomes": outcomes}

    def cancel(self, sql, afterMs):
        timer = threading.Timer(afterMs / 1000, self.connection.cancel)
        timer.start()
        try:
            return self.ask(sql)
        finally:
            timer.cancel()

    def read_with_cursors(self, sql, pieceRows):
        with self.connection.transaction():
            first = self.connection.cursor("first", binary=True)
            second = self.connection.cursor("second")
            first.execute(sql)
            second.execute(sql)
            pieces = [cursor.fetchmany(pieceRows) for cursor in (first, second, first)]
            second.close()
            pieces.append(first.fetchall())
            first.close()
        return {"pieces": [[cell(row[0]) for row in piece] for piece in pieces]}

    def transact(self, failing):
        connection, outcomes = self.connection, []
        run = lambda sql: outcomes.append(self._run(connection, sql)["rows"][0][0])
        connection.read_only = True
        with connection.transaction():
            run("SELECT 1")
            try:
                with connection.transaction():
                    self._run(connection, failing)
            except psycopg.Error as error:
                outcomes.append(error.sqlstate)
            run("SELECT 2")
        try:
            with connection.transaction():
                for sql in (failing, "SELECT 3"):
                    try:
                        self._run(connection, sql)
                    except psycopg.Error as error:
                        outcomes.append(error.sqlstate)
                raise psycopg.Rollback()
        finally:
            connection.read_only = None
        run("SELECT 4")
        return {"outcomes": outcomes}

    def read_all(self, sql):
        summary = Summary()
        with self.connection.cursor() as cursor:
            # Row by row, as they come.
            for row in cursor.stream(sql, binary=True):
                summary.add([row])
        return summary.answer()

    def share_a_pool(self, connections, sql, asked):
        open_connections = [self._connect() for _ in range(connections)]

        def some(place):
            return [
                self._run(open_connections[place], placeholders(sql, "%s"), [number])["rows"][0][0]
                for number in range(place, asked, connections)
            ]

        with concurrent.futures.ThreadPoolExecutor(connections) as threads:
            shares = list(threads.map(some, range(connections)))
        for connection in open_connections:
            connection.close()
        return {"outcomes": [shares[number % connections][number // connections] for number in range(asked)]}

    def close(self):
        self.connection.close()


converse(Psycopg3)
