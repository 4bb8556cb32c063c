#!/usr/bin/env python3
"""CPU time and peak memory of jsonframe beside DuckDB and polars, each in a process of its own, on the same files.

    cargo build --release --no-default-features --bin jsonframe
    benches/frame/peers.py target/release/jsonframe                        500 MB of each kind, on one thread
    benches/frame/peers.py target/release/jsonframe --inputs flat --size 100 --threads 2
    benches/frame/peers.py target/release/jsonframe --inputs cliffs        shapes that could be slow

The peers are installed into an environment of their own, in the versions of requirements.txt. Times are user plus
system time of the process and its threads, less what the process takes to start; the median of --rounds, interleaved.
"elapsed" is the time on the clock. Inputs are made when they are first needed and deleted at the end, but for --keep.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
LEVELS = ["debug", "info", "info", "info", "info", "warn", "error"]
METHODS = ["GET", "GET", "GET", "POST", "PUT", "DELETE"]
WORDS = "commit branch merge fix update release test docs build cache index query plan store log frame".split()


def flat(r, i):
    """A line of an access log."""
    status = r.choices([200, 204, 301, 404, 500, 503], [80, 5, 4, 6, 3, 2])[0]
    second = i % 86400
    return (
        f'{{"ts":"2026-03-{1 + i // 86400 % 28:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{r.randrange(1000):03}Z",'
        f'"level":"{r.choice(LEVELS)}","host":"web-{r.randrange(40):02}.example.net","method":"{r.choice(METHODS)}",'
        f'"path":"/api/v1/{r.choice(WORDS)}/{r.randrange(100000)}","status":{status},"bytes":{int(r.expovariate(1e-4))},'
        f'"latency_ms":{r.expovariate(0.02):.3f},"user_id":{r.randrange(10**6)},"cached":{"true" if r.random() < 0.3 else "false"},'
        f'"trace":"{r.getrandbits(64):016x}","agent":"Mozilla/5.0 (X11; Linux x86_64; rv:{r.randrange(90, 140)}.0) Gecko/20100101"'
        + (f',"error":"upstream timed out after {r.randrange(1, 60)} s"' if status >= 500 else "")
        + "}"
    )


def nested(r, i):
    """An event of a code host: structs in structs, lists of structs, optional fields, escapes."""
    who = r.randrange(200000)
    actor = (
        f'{{"id":{who},"login":"user{who}","gravatar_id":"","url":"https://api.example.com/users/user{who}",'
        f'"avatar_url":"https://avatars.example.com/u/{who}?"}}'
    )
    repo = r.randrange(50000)
    repository = f'{{"id":{repo},"name":"org{repo % 700}/project-{repo}","url":"https://api.example.com/repos/org{repo % 700}/project-{repo}"}}'
    if i % 3:
        commits = ",".join(
            f'{{"sha":"{r.getrandbits(160):040x}","author":{{"email":"user{who}@example.com","name":"User {who}"}},'
            f'"message":"{" ".join(r.choices(WORDS, k=r.randrange(3, 12)))}{chr(92) + "n" if r.random() < 0.4 else ""}","distinct":true,'
            f'"url":"https://api.example.com/repos/org{repo % 700}/project-{repo}/commits/{r.getrandbits(40):x}"}}'
            for _ in range(r.randrange(1, 4))
        )
        payload = f'{{"push_id":{10**9 + i},"size":{r.randrange(1, 9)},"ref":"refs/heads/main","head":"{r.getrandbits(160):040x}","commits":[{commits}]}}'
        kind = "PushEvent"
    else:
        body = " ".join(r.choices(WORDS, k=r.randrange(10, 40)))
        payload = (
            f'{{"action":"opened","number":{r.randrange(9999)},"issue":{{"id":{10**8 + i},"title":"{" ".join(r.choices(WORDS, k=5))}",'
            f'"user":{actor},"labels":[{{"name":"bug","color":"f29513"}}],"state":"open","comments":{r.randrange(9)},"score":{r.random():.4f},"body":"{body}\\r\\n"}}}}'
        )
        kind = "IssuesEvent"
    org = f',"org":{{"id":{repo % 700},"login":"org{repo % 700}"}}' if r.random() < 0.4 else ""
    return (
        f'{{"id":"{2 * 10**10 + i}","type":"{kind}","actor":{actor},"repo":{repository},"payload":{payload},'
        f'"public":true,"created_at":"2026-01-{1 + i // 86400 % 28:02}T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}Z"{org}}}'
    )


def long(r, i):
    """Texts of 10 to 200 kB."""
    line = " ".join(r.choices(WORDS, k=200))
    return f'{{"id":{i},"text":"{(line + " ") * r.randrange(8, 160)}"}}'


def escapes(r, i):
    """Texts in which every few bytes are an escape."""
    text = "".join(r.choices(["\\n", '\\"', "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\t", "ab", "c "], k=60))
    return f'{{"id":{i},"a":"{text}","b":"{text[::-1].count("n")}\\/{text}"}}'


def wide(r, i):
    """500 columns."""
    one = lambda k: [str(r.randrange(10**6)), f"{r.random():.5f}", f'"v{r.randrange(1000)}"', "true"][k % 4]
    return "{" + ",".join(f'"column_{k}":{one(k)}' for k in range(500)) + "}"


def deep(r, i):
    """20 levels of objects and lists by turns."""
    text = f'{{"leaf":{r.randrange(1000)},"name":"n{r.randrange(100)}"}}'
    for level in range(20):
        text = f'{{"id":{level},"in":{text}}}' if level % 2 else f"[{text}]"
    return f'{{"i":{i},"top":{text}}}'


def tiny(r, i):
    """Records of a few bytes."""
    return f'{{"a":{r.randrange(100)}}}'


KINDS = {
    "flat": (flat, False),
    "nested": (nested, False),
    "flat-array": (flat, True),
    "nested-array": (nested, True),
    "long": (long, False),
    "escapes": (escapes, False),
    "wide": (wide, False),
    "deep": (deep, False),
    "tiny": (tiny, False),
}
GROUPS = {"all": list(KINDS)[:4], "cliffs": list(KINDS)[4:]}


def write(path, make, size, array=False):
    if path.exists():
        return
    r, written, i = random.Random(6), 0, 0
    with open(path, "w") as out:
        if array:
            out.write("[")
        while written < size:
            text = make(r, i)
            out.write((",\n" if array and i else "") + text + ("" if array else "\n"))
            written += len(text) + 1
            i += 1
        if array:
            out.write("]\n")


def environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
    return python


DUCK = "import duckdb;c=duckdb.connect();c.execute('set threads={threads}');"
POLARS = "import polars as pl;"
# What each contender runs, by task; None where it cannot do it.
TASKS = {
    "arrow": {
        "jsonframe": ["{jsonframe}", "convert", "{input}", "-o", "{output}.arrows", "--dry-run", "--dictionaries", "none", "--threads", "1", "-q"],
        "duckdb": DUCK + "r=c.execute(\"select * from read_json('{input}',maximum_object_size=100000000)\").to_arrow_reader(65536)\nfor b in r: pass",
        "polars": POLARS + "pl.read_ndjson('{input}')",
    },
    "parquet": {
        "jsonframe": ["{jsonframe}", "convert", "{input}", "-o", "{output}", "--force", "--threads", "{threads}", "-q"],
        "duckdb": DUCK + "c.execute(\"copy (select * from read_json('{input}',maximum_object_size=100000000)) to '{output}' (format parquet, compression zstd, compression_level 1)\")",
        "polars": POLARS + "pl.scan_ndjson('{input}').sink_parquet('{output}',compression='zstd',compression_level=1)",
    },
    "count": {
        "jsonframe": ["{jsonframe}", "count", "{input}", "-q"],
        "duckdb": DUCK + "c.execute(\"select count(*) from read_json('{input}',maximum_object_size=100000000)\").fetchall()",
        "polars": POLARS + "pl.scan_ndjson('{input}').select(pl.len()).collect()",
    },
    "filter": {
        "jsonframe": ["{jsonframe}", "count", "{input}", "--where", "{where}", "-q"],
        "duckdb": DUCK + "c.execute(\"select count(*) from read_json('{input}',maximum_object_size=100000000) where {sql}\").fetchall()",
        "polars": POLARS + "pl.scan_ndjson('{input}').filter({polars}).select(pl.len()).collect()",
    },
}
WHERE = {
    "flat": {"where": "status>=500", "sql": "status>=500", "polars": "pl.col('status')>=500"},
    "nested": {"where": "type=IssuesEvent", "sql": "type='IssuesEvent'", "polars": "pl.col('type')=='IssuesEvent'"},
}


def run(command, threads):
    """CPU seconds, elapsed seconds and peak bytes of one process."""
    env = dict(os.environ, POLARS_MAX_THREADS=str(threads))
    read, send = os.pipe()
    child = os.fork()
    if child == 0:
        # A process between, whose only child the contender is, so that the peak is the contender's alone.
        begin = time.monotonic()
        done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        elapsed = time.monotonic() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        error = done.stderr.decode(errors="replace")[-300:] if done.returncode else ""
        os.write(send, json.dumps([used.ru_utime + used.ru_stime, elapsed, used.ru_maxrss * 1024, error]).encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def measure(name, path, options, python):
    """All tasks on one input, a line of the table for each contender."""
    gigabytes = path.stat().st_size / 1e9
    empty = options.folder / "start.json"
    empty.write_text('{"status":1,"type":"x"}\n')
    base = name.split("-")[0]
    fill = {"jsonframe": options.jsonframe, "threads": options.threads, "output": options.folder / "out.parquet"}
    fill.update(WHERE.get(base, {}))

    def words(command, at):
        if isinstance(command, list):
            return [str(w).format(input=at, **fill) for w in command]
        return [str(python), "-c", command.format(input=at, **fill)]

    for task, contenders in TASKS.items():
        if task == "filter" and base not in WHERE:
            continue
        samples = {}
        for _ in range(options.rounds):
            for contender, command in contenders.items():
                label = f"{task}/{contender}"
                if options.only not in label or options.without in label or (name.endswith("array") and contender == "polars"):
                    continue
                start, began, _, error = run(words(command, empty), options.threads)
                if not error:
                    cpu, elapsed, peak, error = run(words(command, path), options.threads)
                if error:
                    samples[contender] = error.strip().splitlines()[-1]
                elif not isinstance(samples.get(contender), str):
                    samples.setdefault(contender, []).append((cpu - start, elapsed - began, peak))
        ours = samples.get("jsonframe")
        for contender, found in samples.items():
            if isinstance(found, str):
                print(f"{name:<14}{task:<9}{contender:<11}  {found[:80]}")
                continue
            cpu, elapsed = (statistics.median(one[at] for one in found) / gigabytes for at in (0, 1))
            peak = max(one[2] for one in found)
            base_cpu = statistics.median(one[0] for one in ours) / gigabytes if isinstance(ours, list) else cpu
            print(
                f"{name:<14}{task:<9}{contender:<11}{cpu:>9.2f}{cpu / base_cpu:>7.2f}{elapsed:>9.2f}{peak / 1e6:>9.0f}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jsonframe", type=pathlib.Path)
    parser.add_argument("--inputs", default="all", help="all, cliffs, or some of " + ",".join(KINDS))
    parser.add_argument("--size", type=int, default=500, help="megabytes of each input")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "qx-frame-peers")
    parser.add_argument("--only", default="", help="a part of TASK/CONTENDER")
    parser.add_argument("--without", default="nobody", help="a part of TASK/CONTENDER")
    parser.add_argument("--keep", action="store_true", help="leave the inputs for a next run")
    parser.add_argument("--make", action="store_true", help="make the inputs, and keep them, and measure nothing")
    options = parser.parse_args()
    options.jsonframe = options.jsonframe.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    python = environment(options.folder / "env")
    names = [n for given in options.inputs.split(",") for n in GROUPS.get(given, [given])]
    if not options.make:
        print(f"{'input':<14}{'task':<9}{'contender':<11}{'CPU s/GB':>9}{'ratio':>7}{'elapsed':>9}{'peak MB':>9}")
    for name in names:
        path = options.folder / f"{name}-{options.size}.json"
        write(path, KINDS[name][0], options.size * 10**6, KINDS[name][1])
        if not options.make:
            measure(name, path, options, python)
        if not (options.keep or options.make):
            path.unlink()
    (options.folder / "out.parquet").unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
