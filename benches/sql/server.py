"""Runs SQL for the benchmark: one JSON object a line in, one out. {"do": text} answers with nothing, {"sql": text} with the
first row, of whole numbers, {"count": text} with the number of rows, which are all fetched."""

import json
import sys

import duckdb

db = duckdb.connect()
for line in sys.stdin:
    request = json.loads(line)
    if "do" in request:
        db.execute(request["do"])
        answer = []
    elif "count" in request:
        answer = [len(db.execute(request["count"]).fetchall())]
    else:
        answer = db.execute(request["sql"]).fetchone()
    print(json.dumps([int(v) for v in answer]), flush=True)
