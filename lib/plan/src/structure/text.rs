//! Operators and expressions in words: what every renderer prints.

use super::{Expression, Node};

/// Lists longer than this are cut in texts; the structure holds them whole.
const MAX_LISTED: usize = 64;

pub(super) fn line(node: &Node) -> String {
    let properties = properties(node);
    if properties.is_empty() {
        return node.op.clone();
    }
    let parts: Vec<String> = properties.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}: {}", node.op, parts.join(" "))
}

pub(super) fn properties(node: &Node) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = node.shape.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
    for (role, exprs) in &node.exprs {
        let text = match exprs.as_slice() {
            [one] if role == "predicate" || role == "filter" => expression(one),
            many => format!("[{}]", list(many)),
        };
        found.push((role.clone(), text));
    }
    found.extend(node.detail.iter().map(|(n, v)| (n.clone(), v.clone())));
    found
}

fn list(exprs: &[Expression]) -> String {
    let mut parts: Vec<String> = exprs.iter().take(MAX_LISTED).map(expression).collect();
    if exprs.len() > MAX_LISTED {
        parts.push(format!("... {} more", exprs.len() - MAX_LISTED));
    }
    parts.join(", ")
}

pub(super) fn expression(e: &Expression) -> String {
    let name = e.name.as_deref().unwrap_or_default();
    let has = |flag: &str| e.flags.iter().any(|f| f == flag);
    let not = if has("negated") { "NOT " } else { "" };
    let arg = |i: usize| e.args.get(i).map_or_else(|| "?".to_owned(), inner);
    match e.e.as_str() {
        "column" | "outer" => {
            let full = match &e.relation {
                Some(relation) => format!("{relation}.{name}"),
                None => name.to_owned(),
            };
            if e.e == "outer" { format!("outer({full})") } else { full }
        }
        "literal" => literal(e),
        "binary" => {
            let mut parts: Vec<String> = e.args.iter().take(MAX_LISTED).map(inner).collect();
            if e.args.len() > MAX_LISTED {
                parts.push(format!("... {} more", e.args.len() - MAX_LISTED));
            }
            parts.join(&format!(" {name} "))
        }
        "not" => format!("NOT {}", arg(0)),
        "negative" => format!("-{}", arg(0)),
        "is" => format!("{} IS {name}", arg(0)),
        "like" => format!("{} {not}{name} {}", arg(0), arg(1)),
        "between" => format!("{} {not}BETWEEN {} AND {}", arg(0), arg(1), arg(2)),
        "in_list" => format!("{} {not}IN ({})", arg(0), list(e.args.get(1..).unwrap_or_default())),
        "in_subquery" => format!("{} {not}IN (subquery)", arg(0)),
        "exists" => format!("{not}EXISTS (subquery)"),
        "subquery" => "(subquery)".to_owned(),
        "compare_subquery" => format!("{} {name} (subquery)", arg(0)),
        "alias" => format!("{} AS {name}", arg(0)),
        "cast" | "try_cast" => {
            let data_type = e.data_type.as_deref().unwrap_or_default();
            format!("{}({} AS {data_type})", e.e.to_uppercase(), e.args.first().map(expression).unwrap_or_default())
        }
        "case" => case(e),
        "sort" => {
            let order = if has("desc") { "DESC" } else { "ASC" };
            format!("{} {order} NULLS {}", arg(0), if has("nulls_first") { "FIRST" } else { "LAST" })
        }
        "placeholder" => name.to_owned(),
        "call" | "aggregate" | "window" => call(e, name),
        "tuple" | "set" => format!("({})", list(&e.args)),
        other if e.args.is_empty() => {
            if name.is_empty() {
                other.to_owned()
            } else {
                name.to_owned()
            }
        }
        other => format!("{}({})", if name.is_empty() { other } else { name }, list(&e.args)),
    }
}

/// As an operand: in brackets where precedence would not be seen otherwise.
fn inner(e: &Expression) -> String {
    let text = expression(e);
    match e.e.as_str() {
        "binary" | "between" | "like" | "in_list" | "in_subquery" | "not" | "is" => format!("({text})"),
        _ => text,
    }
}

fn literal(e: &Expression) -> String {
    let data_type = e.data_type.as_deref().unwrap_or_default();
    match &e.value {
        None => "NULL".to_owned(),
        Some(v) if data_type.contains("Utf8") => format!("'{}'", v.replace('\'', "''")),
        Some(v) if matches!(data_type, "Int64" | "Boolean" | "Float64") => v.clone(),
        Some(v) => format!("{v}::{data_type}"),
    }
}

fn case(e: &Expression) -> String {
    let mut out = "CASE".to_owned();
    let mut args = e.args.iter().map(expression);
    if e.flags.iter().any(|f| f == "base") {
        out += &format!(" {}", args.next().unwrap_or_default());
    }
    let rest: Vec<String> = args.collect();
    for pair in rest.chunks(2) {
        match pair {
            [when, then] => out += &format!(" WHEN {when} THEN {then}"),
            [other] => out += &format!(" ELSE {other}"),
            _ => {}
        }
    }
    out + " END"
}

fn call(e: &Expression, name: &str) -> String {
    let plain = |a: &&Expression| !matches!(a.e.as_str(), "partition_by" | "order_by" | "filter" | "frame");
    let args: Vec<String> = e.args.iter().filter(plain).map(expression).collect();
    let distinct = if e.flags.iter().any(|f| f == "distinct") { "DISTINCT " } else { "" };
    let mut out = format!("{name}({distinct}{})", args.join(", "));
    for part in e.args.iter().filter(|a| !plain(a)) {
        let text = match part.e.as_str() {
            "frame" => part.name.clone().unwrap_or_default(),
            _ => list(&part.args),
        };
        out += &format!(" {} {text}", part.e.to_uppercase().replace('_', " "));
    }
    out
}
