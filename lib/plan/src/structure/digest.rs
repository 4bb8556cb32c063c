//! Digests: BLAKE3 over an unambiguous encoding of the structure.
//!
//! Every string is preceded by its length and every list by its count, so that no two structures share an encoding.

use blake3::Hasher;

use super::{Expression, Node};

/// What the encoding starts with; the number changes when the canonical form does.
const SHAPE: &str = "qx.plan.shape.1";
const FULL: &str = "qx.plan.full.1";

/// Hexadecimal digits of a digest that are kept: 128 bits.
const DIGITS: usize = 32;

fn finish(hasher: &Hasher) -> String {
    let mut text = hasher.finalize().to_hex().to_string();
    text.truncate(DIGITS);
    text
}

/// A digest over parts whose boundaries count.
pub fn digest_parts<S: AsRef<str>>(domain: &str, parts: impl IntoIterator<Item = S>) -> String {
    let mut hasher = Hasher::new();
    put(&mut hasher, domain);
    for part in parts {
        put(&mut hasher, part.as_ref());
    }
    finish(&hasher)
}

/// A digest over the JSON of a value whose members have a fixed order.
pub fn digest_of(domain: &str, value: &impl serde::Serialize) -> String {
    // Only maps with keys that are no strings fail; the types that come here have none.
    let json = serde_json::to_string(value).unwrap_or_default();
    digest_parts(domain, [json])
}

fn put(hasher: &mut Hasher, text: &str) {
    count(hasher, text.len());
    hasher.update(text.as_bytes());
}

fn count(hasher: &mut Hasher, n: usize) {
    hasher.update(&(n as u64).to_le_bytes());
}

fn maybe(hasher: &mut Hasher, text: Option<&str>) {
    match text {
        Some(text) => {
            hasher.update(&[1]);
            put(hasher, text);
        }
        None => {
            hasher.update(&[0]);
        }
    }
}

impl Node {
    /// Over operators, edges and relations.
    pub fn shape_digest(&self) -> String {
        let mut hasher = Hasher::new();
        put(&mut hasher, SHAPE);
        self.feed(&mut hasher, false);
        finish(&hasher)
    }

    /// Over everything but estimates.
    pub fn full_digest(&self) -> String {
        let mut hasher = Hasher::new();
        put(&mut hasher, FULL);
        self.feed(&mut hasher, true);
        finish(&hasher)
    }

    fn feed(&self, hasher: &mut Hasher, full: bool) {
        put(hasher, &self.op);
        count(hasher, self.shape.len());
        for (name, value) in &self.shape {
            put(hasher, name);
            put(hasher, value);
        }
        if full {
            count(hasher, self.detail.len());
            for (name, value) in &self.detail {
                put(hasher, name);
                put(hasher, value);
            }
            count(hasher, self.exprs.len());
            for (role, exprs) in &self.exprs {
                put(hasher, role);
                count(hasher, exprs.len());
                exprs.iter().for_each(|e| feed(e, hasher));
            }
        } else {
            let mut plans = Vec::new();
            for expr in self.exprs.values().flatten() {
                expr.visit(&mut |e| plans.extend(e.plan.as_deref()));
            }
            count(hasher, plans.len());
            plans.iter().for_each(|p| p.feed(hasher, false));
        }
        count(hasher, self.children.len());
        self.children.iter().for_each(|c| c.feed(hasher, full));
    }
}

fn feed(e: &Expression, hasher: &mut Hasher) {
    put(hasher, &e.e);
    for text in [&e.name, &e.relation, &e.data_type, &e.value] {
        maybe(hasher, text.as_deref());
    }
    count(hasher, e.flags.len());
    e.flags.iter().for_each(|f| put(hasher, f));
    count(hasher, e.args.len());
    e.args.iter().for_each(|a| feed(a, hasher));
    match &e.plan {
        Some(plan) => {
            hasher.update(&[1]);
            plan.feed(hasher, true);
        }
        None => {
            hasher.update(&[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_ignores_what_the_detail_says_and_both_see_the_boundaries() {
        let literal = |v: &str| Expression { value: Some(v.into()), ..Expression::new("literal") };
        let scan = Node::new("TableScan").shape("relation", "t");
        let filter =
            |v: &str| Node { children: vec![scan.clone()], ..Node::new("Filter").exprs("predicate", [literal(v)]) };
        let (a, b) = (filter("1"), filter("2"));
        assert_eq!(a.shape_digest(), b.shape_digest());
        assert_ne!(a.full_digest(), b.full_digest());
        let other = Node { children: vec![Node::new("TableScan").shape("relation", "u")], ..a.clone() };
        assert_ne!(a.shape_digest(), other.shape_digest());
        let joined = Node::new("X").detail("ab", "c");
        assert_ne!(joined.full_digest(), Node::new("X").detail("a", "bc").full_digest());
        let estimated = Node { estimate: Some(super::super::Estimate::default()), ..a.clone() };
        assert_eq!(estimated.full_digest(), a.full_digest());
        assert_ne!(digest_parts("x", ["ab", "c"]), digest_parts("x", ["a", "bc"]));
    }
}
