"""What the Python clients share: the conversation on standard input, and how values and errors are written down.

A client's program hands `converse` a class whose methods are named like what is asked, with `_` for blanks.
"""

import datetime
import decimal
import json
import re
import sys
import time
import uuid

UTC = datetime.timezone.utc


def cell(value):
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return value.isoformat(timespec="microseconds")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [cell(item) for item in value]
    if isinstance(value, (bytes, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, (int, uuid.UUID)):
        return str(value)
    return value if isinstance(value, (str, dict)) else repr(value)


def native(value):
    """A parameter as a program in Python would have it."""
    kind, given = value["type"], value["value"]
    if given is None:
        return None
    if kind == "numeric":
        return decimal.Decimal(given)
    if kind in ("int4", "int8"):
        return int(given)
    if kind == "timestamptz":
        return datetime.datetime.fromisoformat(given.replace("Z", "+00:00"))
    if kind == "date":
        return datetime.date.fromisoformat(given)
    if kind == "int8[]":
        return [int(item) for item in given]
    return given


def placeholders(sql, sign):
    """`$1`, `$2` … as the library wants them; a `%` of the statement stays one."""
    if sign == "%s":
        sql = sql.replace("%", "%%")
    return re.sub(r"\$\d+", sign, sql)


def table(description, rows, types=None):
    return {
        "columns": [column[0] for column in description],
        "types": types,
        "rows": [[cell(value) for value in row] for row in rows],
    }


class Summary:
    """Of `read all`: what must be the same whoever reads."""

    def __init__(self):
        self.rows, self.sum, self.last = 0, 0, None

    def add(self, rows):
        for row in rows:
            self.sum += int(row[0])
            self.last = row
        self.rows += len(rows)

    def answer(self):
        return {"readRows": self.rows, "sum": str(self.sum), "last": [cell(value) for value in self.last]}


def failure(client, error, since):
    state, message = client.state_of(error)
    return {"error": state, "message": message, "tookMs": round((time.monotonic() - since) * 1000)}


def tell(ask_id, answer):
    print(json.dumps({"id": ask_id, **answer}), flush=True)


def converse(open_client):
    conversation = json.load(sys.stdin)
    asks = conversation.pop("asks")
    client = open_client(conversation)
    for ask in asks:
        ask_id, what = ask.pop("id"), ask.pop("do").replace(" ", "_")
        since = time.monotonic()
        try:
            answer = getattr(client, what)(**ask)
        except Exception as error:  # whatever the library makes of what the server says
            answer = failure(client, error, since)
            if what != "log_in":
                try:
                    answer["after"] = client.ask(sql="SELECT 1")["results"][0]["rows"][0][0]
                except Exception as then:
                    answer["after"] = " ".join(client.state_of(then))
        tell(ask_id, answer)
    client.close()
