#!/usr/bin/env python3
"""Measures `vindex` and the vector libraries that people use instead, at the same recall, in the same run.

    python3 benches/vector/peers.py --vindex target/release/vindex [--rows 100000] [--mixture l2|cosine|debian] [--k 10]

Installs the pinned wheels below into an environment of its own (--venv, default: benches/vector/.venv) on the first
run. The data are anisotropic Gaussian mixtures of a fixed seed, or the Debian vectors (--debian names the folder of the
whole set, of which rows are held back as queries). Every figure is the processor time of one thread unless its name says
otherwise; each contender's `ef` is the least of a grid that reaches the recall. One JSON object per figure on stdout.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WHEELS = ["numpy==2.4.6", "hnswlib==0.8.0", "faiss-cpu==1.15.1", "usearch==2.26.6"]
HERE = Path(__file__).resolve().parent
EFS = [10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 100, 112, 128, 160, 192, 256, 384, 512, 768]


def environment(folder):
    """Runs this script again inside its own environment."""
    python = folder / "bin" / "python"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(folder)])
        subprocess.check_call([str(python), "-m", "pip", "install", "-q", *WHEELS], stdout=sys.stderr)
    os.execv(str(python), [str(python), *sys.argv])


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--vindex", required=True)
    p.add_argument("--venv", type=Path, default=HERE / ".venv")
    p.add_argument("--mixture", choices=["l2", "cosine", "debian"], default="l2")
    p.add_argument("--debian", type=Path, default=HERE.parent.parent / "fixtures/debian", help="folder of the Debian vectors")
    p.add_argument("--rows", type=int, default=100_000)
    p.add_argument("--dim", type=int, help="default: 128 (l2), 768 (cosine)")
    p.add_argument("--queries", type=int, default=1000)
    p.add_argument("--k", type=int, default=10)
    p.add_argument("--m", type=int, default=16, help="of the peers")
    p.add_argument("--ef-build", type=int, default=200)
    p.add_argument("--own-m", type=int, default=32)
    p.add_argument("--own-ef-build", type=int, default=100, help="with --own-m: as good a curve as the peers'")
    p.add_argument("--grid", nargs="?", const="10000x64,10000x384,10000x768,100000x64,100000x384,100000x768",
                   help="instead of the peers: exact against graph, for these numbers of rows and dimensions, k 10 and 100")
    p.add_argument("--only", default="hnswlib,faiss,usearch,vindex", help="contenders, separated by commas")
    return p.parse_args()


def data(a):
    import numpy as np

    if a.mixture == "debian":
        base = np.load(a.debian / "embeddings.f16.npy").astype("<f4")
        if len(base) < 20 * a.queries:
            return base, np.load(a.debian / "queries.f32.npy").astype("<f4"), "cosine"
        # Enough rows to hold some of them back as queries.
        order = np.random.default_rng(3).permutation(len(base))
        return base[np.sort(order[a.queries :])], base[order[: a.queries]], "cosine"
    dim = a.dim or (128 if a.mixture == "l2" else 768)
    rng = np.random.default_rng(11)
    clusters = max(1, a.rows // 500)
    # Few directions carry most of the variance, as in embeddings.
    scales = (1.0 / np.sqrt(1.0 + np.arange(dim) / 8.0)).astype("f4")
    rotation = np.linalg.qr(rng.normal(size=(dim, dim)))[0].astype("f4")
    centres = rng.normal(size=(clusters, dim)).astype("f4") * scales

    def draw(n):
        picked = rng.integers(0, clusters, n)
        noise = rng.normal(size=(n, dim)).astype("f4") * scales * 0.7
        return ((centres[picked] + noise) @ rotation).astype("<f4")

    return draw(a.rows), draw(a.queries), a.mixture


def truth(base, queries, metric, k):
    import numpy as np

    if metric == "cosine":
        base = base / np.maximum(np.linalg.norm(base, axis=1, keepdims=True), 1e-30)
        queries = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-30)
    out = np.empty((len(queries), k), dtype=np.int64)
    squares = (base**2).sum(axis=1)
    for start in range(0, len(queries), 100):
        scores = 2.0 * queries[start : start + 100] @ base.T
        if metric == "l2":
            scores -= squares
        top = np.argpartition(-scores, k, axis=1)[:, :k]
        out[start : start + 100] = top
    return out


def recall(found, want):
    return sum(len(set(f) & set(w)) for f, w in zip(found.tolist(), want.tolist())) / want.size


def cpu():
    return time.process_time()


CURVE = [16, 20, 24, 32, 48, 64]
SELECTIVITIES = [0.1, 1, 10, 50]


def emit(name, **fields):
    print(json.dumps({"contender": name, **fields}), flush=True)


def at_recall(name, search, queries, want, k):
    """Queries a second of one thread at the least `ef` that reaches 0.95 and 0.99, and recall at some `ef`."""
    emit(name, figure="recall at ef", **{str(ef): round(recall(search(queries, ef), want), 4) for ef in CURVE if ef >= k})
    for target in (0.95, 0.99):
        for ef in [e for e in EFS if e >= k]:
            reached = recall(search(queries, ef), want)
            if reached >= target:
                best = float("inf")
                for _ in range(3):
                    start = cpu()
                    search(queries, ef)
                    best = min(best, cpu() - start)
                emit(name, figure=f"queries/s at {target}", ef=ef, recall=round(reached, 4), value=round(len(queries) / best))
                break
        else:
            emit(name, figure=f"queries/s at {target}", value=None)


def hnswlib_(a, base, queries, want, metric):
    import hnswlib

    index = hnswlib.Index(space="l2" if metric == "l2" else "cosine", dim=base.shape[1])
    index.init_index(max_elements=len(base), M=a.m, ef_construction=a.ef_build, random_seed=11)
    index.set_num_threads(1)
    start = cpu()
    index.add_items(base, num_threads=1)
    emit("hnswlib", figure="build cpu s", value=round(cpu() - start, 2))

    def search(q, ef):
        index.set_ef(ef)
        return index.knn_query(q, k=a.k, num_threads=1)[0]

    at_recall("hnswlib", search, queries, want, a.k)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bin"
        index.save_index(str(path))
        emit("hnswlib", figure="file bytes", value=path.stat().st_size)


def faiss_(a, base, queries, want, metric):
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(1)
    if metric == "cosine":
        base = base / np.maximum(np.linalg.norm(base, axis=1, keepdims=True), 1e-30)
        queries = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-30)
    base, queries = np.ascontiguousarray(base, dtype="f4"), np.ascontiguousarray(queries, dtype="f4")
    index = faiss.IndexHNSWFlat(base.shape[1], a.m)
    index.hnsw.efConstruction = a.ef_build
    start = cpu()
    index.add(base)
    emit("faiss", figure="build cpu s", value=round(cpu() - start, 2))

    def search(q, ef):
        index.hnsw.efSearch = ef
        return index.search(q, a.k)[1]

    at_recall("faiss", search, queries, want, a.k)
    flat = faiss.IndexFlatL2(base.shape[1]) if metric == "l2" else faiss.IndexFlatIP(base.shape[1])
    flat.add(base)
    some = queries[:50]
    best = float("inf")
    for _ in range(3):
        start = cpu()
        for q in some:
            flat.search(q[None, :], a.k)
        best = min(best, cpu() - start)
    emit("faiss", figure="exact, one query, ms", value=round(best / len(some) * 1000, 3))


def usearch_(a, base, queries, want, metric):
    import numpy as np
    from usearch.index import Index

    index = Index(ndim=base.shape[1], metric="l2sq" if metric == "l2" else "cos", dtype="f32", connectivity=a.m,
                  expansion_add=a.ef_build)
    start = cpu()
    index.add(np.arange(len(base)), base, threads=1)
    emit("usearch", figure="build cpu s", value=round(cpu() - start, 2))

    def search(q, ef):
        index.expansion_search = ef
        return np.asarray(index.search(q, a.k, threads=1).keys)

    at_recall("usearch", search, queries, want, a.k)


def memory(a, index, queries):
    """Private memory of a process that answers: after its first answer and after all of them; mapped pages apart."""
    out = {}
    with subprocess.Popen([a.vindex, "search", index, "--query", "-", "-k", str(a.k), "--format", "tsv"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
        for name, some in (("one", queries[:1]), ("all", queries[1:])):
            for q in some:
                p.stdin.write(",".join(map(str, q.tolist())) + "\n")
                p.stdin.flush()
                for _ in range(a.k):
                    p.stdout.readline()
            pages = dict(line.split(":") for line in Path(f"/proc/{p.pid}/smaps_rollup").read_text().splitlines()[1:])
            kib = {key: int(value.split()[0]) for key, value in pages.items()}
            out[f"{name}: private MB"] = round(kib["Anonymous"] / 1024, 1)
            out[f"{name}: mapped MB"] = round((kib["Rss"] - kib["Anonymous"]) / 1024, 1)
        p.stdin.close()
    return out


def filters(a, run, index, folder, base, ask):
    """Recall and speed under allow lists: rows at random, and rows that lie near one another."""
    import numpy as np

    rng = np.random.default_rng(5)
    by_distance = np.argsort(((base - base[0]) ** 2).sum(axis=1))
    for share in SELECTIVITIES:
        count = max(1, round(len(base) * share / 100))
        for name, ids in (("random", rng.choice(len(base), count, replace=False)), ("clustered", by_distance[:count])):
            listed = folder / "ids.txt"
            listed.write_text("".join(f"{i}\n" for i in sorted(ids.tolist())))
            got = run("bench", index, *ask, "--ef", 64, "--filter", f"@{listed}")[0]
            emit("vindex", figure=f"filter, {share} %, {name}", recall=round(got["recall"], 4),
                 value=got["queries_per_second"])


def run_vindex(a, *args):
    out = subprocess.run([a.vindex, *map(str, args)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return [json.loads(line) for line in out.stdout.splitlines()]


def best_speed(a, index, ask, ef):
    """Of as many rounds as the peers have."""
    rounds = [run_vindex(a, "recall", index, *ask, "--ef", ef)[0]["queries_per_second"] for _ in range(3)]
    return round(max(rounds))


def grid(a):
    """What a scan and the graph take, each for one thread, over sizes and dimensions."""
    import numpy as np

    for shape in a.grid.split(","):
        a.rows, a.dim = map(int, shape.split("x"))
        base, queries, metric = data(a)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            np.save(folder / "base.npy", base)
            np.save(folder / "queries.npy", queries)
            built = run_vindex(a, "build", folder / "base.npy", "--metric", metric, "--m", a.own_m, "--ef-build",
                               a.own_ef_build, "--json", "-o", folder / "x.vdata")[0]
            for k in (10, 100):
                ask = ["--queries", folder / "queries.npy", "-k", k, "--json"]
                points = run_vindex(a, "recall", folder / "x.vdata", *ask, "--ef",
                                    ",".join(str(e) for e in EFS if k <= e <= 40 * k))[:-1]
                fields = {"rows": a.rows, "dim": a.dim, "metric": metric, "k": k, "build_ms": built["build_ms"]}
                for target in (0.95, 0.99):
                    p = next((p for p in points if p["recall"] >= target), None)
                    fields[f"queries/s at {target}"] = p and best_speed(a, folder / "x.vdata", ask, p["ef"])
                    fields[f"ef at {target}"] = p and p["ef"]
                bench = run_vindex(a, "bench", folder / "x.vdata", *ask, "--ef", max(k, 64))[0]
                emit("grid", **fields, **{"exact queries/s": round(bench["exact_per_second"])})


def vindex_(a, base, queries, want, metric):
    import numpy as np

    def run(*args):
        return run_vindex(a, *args)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.save(folder / "base.npy", base)
        np.save(folder / "queries.npy", queries)
        built = ["build", folder / "base.npy", "--metric", metric, "--m", a.own_m, "--ef-build", a.own_ef_build, "--json"]
        for threads in (1, 2):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall = time.time()
            run(*built, "--threads", threads, "-o", folder / "x.vdata", "--force")
            wall = time.time() - wall
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            emit("vindex", figure=f"build, {threads} threads", cpu_s=round(spent, 2), wall_s=round(wall, 2))
        emit("vindex", figure="file bytes", value=(folder / "x.vdata").stat().st_size)
        ask = ["--queries", folder / "queries.npy", "-k", a.k, "--json"]
        points = run("recall", folder / "x.vdata", *ask, "--ef", ",".join(str(e) for e in EFS if e >= a.k))[:-1]
        emit("vindex", figure="recall at ef", **{str(p["ef"]): round(p["recall"], 4) for p in points if p["ef"] in CURVE})
        for target in (0.95, 0.99):
            p = next((p for p in points if p["recall"] >= target), None)
            value = p and best_speed(a, folder / "x.vdata", ask, p["ef"])
            emit("vindex", figure=f"queries/s at {target}", ef=p and p["ef"], recall=p and round(p["recall"], 4), value=value)
        bench = run("bench", folder / "x.vdata", *ask, "--ef", 64)[0]
        emit("vindex", figure="exact, one query, ms", value=round(1000 / bench["exact_per_second"], 3))
        emit("vindex", figure="queries/s, all threads, ef 64", value=bench["queries_per_second_all_threads"])
        emit("vindex", figure="open to first answer, us", value=bench["open_to_first_answer_us"])
        emit("vindex", figure="verify --quick, GB/s", value=round(bench["verify_quick_gb_per_second"], 2))
        start = time.time()
        run("verify", folder / "x.vdata", "--json")
        emit("vindex", figure="verify in full, s", value=round(time.time() - start, 3))
        literal = ",".join(map(str, queries[0].tolist()))
        start = time.time()
        run("search", folder / "x.vdata", "--query", literal, "--json")
        emit("vindex", figure="shell to answer, ms", value=round((time.time() - start) * 1000, 2))
        emit("vindex", figure="memory", **memory(a, folder / "x.vdata", queries))
        filters(a, run, folder / "x.vdata", folder, base, ask)
        run(*built, "--codes", "only", "-o", folder / "c.vdata")
        emit("vindex", figure="compact file bytes", value=(folder / "c.vdata").stat().st_size)
        compact = run("search", folder / "c.vdata", "--query", folder / "queries.npy", "-k", a.k, "--exact", "--json")[:-1]
        found = np.array([h["row_id"] for h in compact]).reshape(len(queries), a.k)
        emit("vindex", figure="compact, exact over codes: recall", value=round(recall(found, want), 4))


def main():
    a = arguments()
    environment(a.venv)
    if a.grid:
        grid(a)
        return
    base, queries, metric = data(a)
    want = truth(base, queries, metric, a.k)
    emit("data", mixture=a.mixture, rows=len(base), dim=base.shape[1], metric=metric, queries=len(queries), k=a.k)
    contenders = {"hnswlib": hnswlib_, "faiss": faiss_, "usearch": usearch_, "vindex": vindex_}
    for name in a.only.split(","):
        contenders[name](a, base, queries, want, metric)


if __name__ == "__main__":
    main()
