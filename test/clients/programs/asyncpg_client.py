"""asyncpg: its own protocol code, named prepared statements for everything with values, all values in binary."""

import asyncio
import decimal
import ssl
import time

import asyncpg
from matrix import Summary, cell, failure, native, table, tell, json, sys


class Asyncpg:
    def __init__(self, server):
        self.server = {key: server[key] for key in ("host", "port", "database", "user", "password")}
        self.tls = ssl.create_default_context(cafile=server["certificateFile"])

    async def open(self):
        self.connection = await asyncpg.connect(**self.server, ssl=False)

    def state_of(self, error):
        return getattr(error, "sqlstate", None) or type(error).__name__, str(error)

    async def _run(self, connection, sql, values=()):
        statement = await connection.prepare(sql)
        rows = await statement.fetch(*values)
        attributes = statement.get_attributes()
        return table(
            [(attribute.name,) for attribute in attributes], rows, [attribute.type.oid for attribute in attributes]
        )

    async def log_in(self, user, password, tls):
        connection = await asyncpg.connect(
            **{**self.server, "user": user, "password": password}, ssl=self.tls if tls else False
        )
        result = await self._run(connection, "SELECT user")
        await connection.close()
        return {"results": [result]}

    async def ping(self):
        # As its pool does when a connection comes back: ROLLBACK of what may be open, then its reset script.
        await self.connection.reset()
        return {"ok": True}

    async def ask(self, sql, values=(), times=1):
        for _ in range(times):
            result = await self._run(self.connection, sql, [native(value) for value in values])
        return {"results": [result]}

    async def ask_several(self, sql):
        # Of several it shows nothing.
        if ";" not in sql:
            return await self.ask(sql)
        await self.connection.execute(sql)
        return {"results": []}

    async def ask_in_turn(self, statements):
        outcomes = []
        for sql in statements:
            try:
                outcomes.append(cell(await self.connection.fetchval(sql)) or "done")
            except asyncpg.PostgresError as error:
                outcomes.append(error.sqlstate)
        return {"outcomes": outcomes}

    async def cancel(self, sql, afterMs):
        # It sends the request on a connection of its own, and tells its caller of the time that is over.
        since = time.monotonic()
        try:
            await self.connection.fetch(sql, timeout=afterMs / 1000)
            return {"results": []}
        except asyncio.TimeoutError:
            took = round((time.monotonic() - since) * 1000)
            after = await self.connection.fetchval("SELECT 1")
            return {"error": "TimeoutError", "message": "", "tookMs": took, "after": str(after)}

    async def read_with_cursors(self, sql, pieceRows):
        async with self.connection.transaction(readonly=True):
            first = await self.connection.cursor(sql)
            second = await self.connection.cursor(sql)
            pieces = [await cursor.fetch(pieceRows) for cursor in (first, second, first)]
            pieces.append(await first.fetch(1_000_000))
        return {"pieces": [[cell(row[0]) for row in piece] for piece in pieces]}

    async def transact(self, failing):
        connection, outcomes = self.connection, []

        async def run(sql):
            outcomes.append(cell(await connection.fetchval(sql)))

        async with connection.transaction(readonly=True):
            await run("SELECT 1")
            try:
                async with connection.transaction():
                    await connection.fetchval(failing)
            except asyncpg.PostgresError as error:
                outcomes.append(error.sqlstate)
            await run("SELECT 2")
        transaction = connection.transaction()
        await transaction.start()
        for sql in (failing, "SELECT 3"):
            try:
                await connection.fetchval(sql)
            except asyncpg.PostgresError as error:
                outcomes.append(error.sqlstate)
        await transaction.rollback()
        await run("SELECT 4")
        return {"outcomes": outcomes}

    async def read_all(self, sql):
        summary = Summary()
        async with self.connection.transaction(readonly=True):
            async for row in self.connection.cursor(sql, prefetch=10_000):
                summary.add([row])
        return summary.answer()

    async def share_a_pool(self, connections, sql, asked):
        async with asyncpg.create_pool(**self.server, ssl=False, min_size=connections, max_size=connections) as pool:
            outcomes = await asyncio.gather(*(pool.fetchval(sql, number) for number in range(asked)))
        return {"outcomes": [cell(outcome) for outcome in outcomes]}


async def converse():
    conversation = json.load(sys.stdin)
    asks = conversation.pop("asks")
    client = Asyncpg(conversation)
    await client.open()
    for ask in asks:
        ask_id, what = ask.pop("id"), ask.pop("do").replace(" ", "_")
        since = time.monotonic()
        try:
            answer = await getattr(client, what)(**ask)
        except Exception as error:
            answer = failure(client, error, since)
            if what != "log_in":
                answer["after"] = str(await client.connection.fetchval("SELECT 1"))
        tell(ask_id, answer)
    await client.connection.close()


asyncio.run(converse())
