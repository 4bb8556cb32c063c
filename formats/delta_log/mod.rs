//! See SPEC.md.
