# The recipes that people use; `.ci/run` is what decides.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Everything but the benchmarks, which link peers.
house := "--workspace --exclude qx-benches --exclude qx-benches-sql"

# List the recipes
default:
    @just --list --unsorted

# All six tools, dev profile
build:
    cargo build

# The four tools that do without the query engine: about a minute from nothing
light:
    cargo build --no-default-features

# All six tools as they are handed out: the four light ones small, in target/light;
# the two with the engine in target/release
release:
    cargo build --profile light --no-default-features
    cargo build --release --bin explain --bin qx

# The tests; arguments go to cargo (`just test --lib`)
test *ARGS:
    cargo test {{ house }} {{ ARGS }}

# The tests of one crate (`just test-in qx-formats`)
test-in CRATE *ARGS:
    cargo test -p {{ CRATE }} {{ ARGS }}

# Format, then what CI says about style
lint:
    cargo fmt --all
    cargo clippy {{ house }} --all-targets -- -D warnings

# The crates' documentation, as CI builds it
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc {{ house }} --no-deps

# Fuzz a decoder (needs cargo-fuzz and a nightly toolchain; targets stand in tests/fuzz/README.md)
fuzz TARGET *ARGS:
    cargo +nightly fuzz run --fuzz-dir tests/fuzz {{ TARGET }} -- {{ ARGS }}

# The tests of what has SIMD, for 64-bit ARM in an emulator (needs a nightly toolchain with rust-src; Debian:
# gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user). `just arm -p qx-vector kernel` for some of them
arm *ARGS="-p qx-formats -p qx-frame -p qx-vector --lib":
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
    cargo +nightly test -Z build-std --target aarch64-unknown-linux-gnu {{ ARGS }}

# What has `unsafe` in it, in an interpreter that finds undefined behaviour (needs a nightly toolchain with miri). It knows
# AVX2, but neither AVX-512 nor how 16-bit floats are converted; what maps files cannot run in it
miri:
    MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=4 \
    RUSTFLAGS="-Ctarget-feature=+avx2,+f16c,+bmi1,+popcnt,+pclmulqdq,+sse4.2" \
    cargo +nightly miri test -p qx-formats -p qx-frame -p qx-vector --lib -- \
    crc:: marks:: words_are_compared json::index json::skim utf8:: kernel::

# Write generated files anew: fixtures, goldens, man pages, completions, outputs quoted in documents
bless *ARGS:
    QX_BLESS=1 cargo test {{ house }} {{ ARGS }}

# Write the man pages and completions anew
man:
    QX_BLESS=1 cargo test --test generated

# Licences, advisories, duplicates and sources of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# Measure every claim beside its reference and peers (`just bench --quick`, `just bench --filter get`)
bench *ARGS:
    cargo bench -p qx-benches -- {{ ARGS }}

# Measure and keep the ratios in benches/baseline.json
bench-save *ARGS:
    cargo bench -p qx-benches -- --save {{ ARGS }}

# Measure and fail where a ratio is more than 5% worse than the baseline
bench-compare *ARGS:
    cargo bench -p qx-benches --no-fail-fast -- --compare {{ ARGS }}

# Everything that CI does
ci:
    .ci/run
