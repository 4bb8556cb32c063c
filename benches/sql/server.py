"""Runs SQL for the benchmark: one JSON object a line in, one out. {"load": path} reads the edges, {"sql": text}
answers with the first row."""

import json
import sys

import duckdb

db = duckdb.connect()
for line in sys.stdin:
    request = json.loads(line)
    if "load" in request:
        db.execute("CREATE TABLE edges AS SELECT * FROM read_csv(?, header = true)", [request["load"]])
        db.execute("CREATE INDEX edges_src ON edges(src)")
        answer = db.execute("SELECT count(*) FROM edges").fetchone()
    else:
        answer = db.execute(request["sql"]).fetchone()
    print(json.dumps([int(v) for v in answer]), flush=True)
