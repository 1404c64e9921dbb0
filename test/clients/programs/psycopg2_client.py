"""psycopg2: libpq, simple queries, values put into the statement by the client."""

import threading
import concurrent.futures

import psycopg2
import psycopg2.pool
from matrix import Summary, cell, converse, native, placeholders, table


class Psycopg2:
    def __init__(self, server):
        self.server = {
            "host": server["host"],
            "port": server["port"],
            "dbname": server["database"],
            "user": server["user"],
            "password": server["password"],
        }
        self.certificate = server["certificateFile"]
        self.connection = psycopg2.connect(**self.server, sslmode="disable")
        self.connection.autocommit = True

    def state_of(self, error):
        message = str(error).strip()
        # Before there is a connection, libpq has words only.
        return getattr(error, "pgcode", None) or ("28P01" if "authentication failed" in message else type(error).__name__), message

    def _run(self, connection, sql, values=None):
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            if cursor.description is None:
                return None
            return table(cursor.description, cursor.fetchall(), [column.type_code for column in cursor.description])

    def log_in(self, user, password, tls):
        secure = {"sslmode": "verify-full", "sslrootcert": self.certificate} if tls else {"sslmode": "disable"}
        connection = psycopg2.connect(**{**self.server, "user": user, "password": password}, **secure)
        connection.autocommit = True
        result = self._run(connection, "SELECT user")
        used = connection.info.ssl_in_use
        connection.close()
        return {"results": [result]} if used == tls else {"error": "TLS", "message": f"in use: {used}"}

    def ping(self):
        # As SQLAlchemy's pool does with this driver.
        self._run(self.connection, "SELECT 1")
        return {"ok": True}

    def ask(self, sql, values=None, times=1):
        bound = None if values is None else [native(value) for value in values]
        text = sql if values is None else placeholders(sql, "%s")
        for _ in range(times):
            result = self._run(self.connection, text, bound)
        return {"results": [] if result is None else [result]}

    def ask_several(self, sql):
        return self.ask(sql)

    def ask_in_turn(self, statements):
        outcomes = []
        for sql in statements:
            try:
                result = self._run(self.connection, sql)
                outcomes.append("done" if result is None else result["rows"][0][0])
            except psycopg2.Error as error:
                outcomes.append(error.pgcode)
        return {"outcomes": outcomes}

    def cancel(self, sql, afterMs):
        timer = threading.Timer(afterMs / 1000, self.connection.cancel)
        timer.start()
        try:
            return self.ask(sql)
        finally:
            timer.cancel()

    def read_with_cursors(self, sql, pieceRows):
        self.connection.autocommit = False
        try:
            first, second = self.connection.cursor("first"), self.connection.cursor("second")
            for cursor in (first, second):
                cursor.itersize = pieceRows
                cursor.execute(sql)
            pieces = [cursor.fetchmany(pieceRows) for cursor in (first, second, first)]
            second.close()
            pieces.append(first.fetchall())
            first.close()
            self.connection.commit()
        except psycopg2.Error:
            self.connection.rollback()
            raise
        finally:
            self.connection.autocommit = True
        return {"pieces": [[cell(row[0]) for row in piece] for piece in pieces]}

    def transact(self, failing):
        connection, outcomes = self.connection, []
        connection.set_session(readonly=True, autocommit=False)
        run = lambda sql: outcomes.append(self._run(connection, sql)["rows"][0][0])
        run("SELECT 1")
        self._run(connection, "SAVEPOINT before")
        try:
            self._run(connection, failing)
        except psycopg2.Error as error:
            outcomes.append(error.pgcode)
        self._run(connection, "ROLLBACK TO SAVEPOINT before")
        run("SELECT 2")
        connection.commit()
        for sql in (failing, "SELECT 3"):
            try:
                self._run(connection, sql)
            except psycopg2.Error as error:
                outcomes.append(error.pgcode)
        connection.rollback()
        connection.set_session(readonly=False, autocommit=True)
        run("SELECT 4")
        return {"outcomes": outcomes}

    def read_all(self, sql):
        summary = Summary()
        self.connection.autocommit = False
        with self.connection.cursor("all_rows") as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(10_000):
                summary.add(rows)
        self.connection.commit()
        self.connection.autocommit = True
        return summary.answer()

    def share_a_pool(self, connections, sql, asked):
        pool = psycopg2.pool.ThreadedConnectionPool(connections, connections, **self.server, sslmode="disable")

        def one(number):
            connection = pool.getconn()
            try:
                connection.autocommit = True
                return self._run(connection, placeholders(sql, "%s"), [number])["rows"][0][0]
            finally:
                pool.putconn(connection)

        # The pool refuses who comes when all are taken, so as many ask as there are connections.
        with concurrent.futures.ThreadPoolExecutor(connections) as threads:
            outcomes = list(threads.map(one, range(asked)))
        pool.closeall()
        return {"outcomes": outcomes}

    def close(self):
        self.connection.close()


converse(Psycopg2)
