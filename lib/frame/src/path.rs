//! Paths of fields as reports print them and hints name them: `a.b`, `a[].b`, `"odd.key"`.

use qx_formats::{Error, Result};

use crate::types::Type;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    /// `[]`: the elements of a list.
    Item,
}

/// Adds a key to a path, in quotes where the key itself could be taken for a path.
pub(crate) fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    // What ends a path where it is part of a hint, a list or a condition is quoted as well.
    let sign = |c: char| matches!(c, '.' | '[' | ']' | '"' | '=' | '<' | '>' | '!' | ',');
    let odd = |c: char| sign(c) || c.is_whitespace() || c.is_control();
    if name.is_empty() || name.contains(odd) {
        let mut quoted = Vec::new();
        crate::json::write_string(name, &mut quoted);
        path.push_str(&String::from_utf8_lossy(&quoted));
    } else {
        path.push_str(name);
    }
}

/// The path of a column, as [`crate::Options::hints`] names it.
pub fn path_of(name: &str) -> String {
    let mut path = String::new();
    push_name(&mut path, name);
    path
}

/// Takes a path apart.
///
/// # Errors
/// `Usage`.
pub(crate) fn steps(path: &str) -> Result<Vec<Step>> {
    parse(path).ok_or_else(|| {
        Error::usage(format!("`{path}` is no path"))
            .hint("fields are written as `jsonframe schema` prints them: a.b, a[].b, \"odd.key\"")
    })
}

/// Steps as [`push_name`] writes them.
pub(crate) fn written(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(name) => push_name(&mut path, name),
            Step::Item => path.push_str("[]"),
        }
    }
    path
}

/// A path as [`push_name`] writes it. A key may stand in quotes that it does not need, and paths are compared as text.
///
/// # Errors
/// `Usage`.
pub(crate) fn canonical(path: &str) -> Result<String> {
    Ok(written(&steps(path)?))
}

/// Takes a path apart; `None` when it is none.
pub(crate) fn parse(path: &str) -> Option<Vec<Step>> {
    let (mut steps, mut rest) = (Vec::new(), path);
    loop {
        if let Some(after) = rest.strip_prefix("[]") {
            // The root is no list: its elements are the rows.
            steps.last()?;
            steps.push(Step::Item);
            rest = after;
        } else if rest.is_empty() {
            return (!steps.is_empty()).then_some(steps);
        } else {
            if !steps.is_empty() {
                rest = rest.strip_prefix('.')?;
            }
            let (name, after) = key(rest)?;
            steps.push(Step::Key(name));
            rest = after;
        }
    }
}

fn key(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = values.next()?.ok()?;
        return Some((name, text.get(values.byte_offset()..)?));
    }
    let end = text.find(['.', '[', ']', '"']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    (!name.is_empty()).then(|| (name.to_owned(), after))
}

/// Gives the field at `steps` a type, making what leads there. `Err` holds the type that stands in the way.
pub(crate) fn insert(at: &mut Type, steps: &[Step], given: &Type) -> std::result::Result<(), Type> {
    let Some((step, rest)) = steps.split_first() else {
        *at = given.clone();
        return Ok(());
    };
    match (&mut *at, step) {
        (Type::Undecided | Type::EmptyObject, Step::Key(_)) => *at = Type::Struct(Vec::new()),
        (Type::Undecided, Step::Item) => *at = Type::List(Box::new(Type::Undecided)),
        _ => {}
    }
    match (at, step) {
        (Type::Struct(fields), Step::Key(name)) => {
            let i = fields.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
                fields.push((name.clone(), Type::Undecided));
                fields.len() - 1
            });
            fields.get_mut(i).map_or(Ok(()), |(_, t)| insert(t, rest, given))
        }
        (Type::List(item) | Type::Map(item), Step::Item) => insert(item, rest, given),
        (other, _) => Err(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_quoted_and_read_back() {
        let mut path = String::from("a");
        push_name(&mut path, "b.c");
        path.push_str("[][]");
        push_name(&mut path, "");
        push_name(&mut path, "q\"\n");
        assert_eq!(path, r#"a."b.c"[][].""."q\"\n""#);
        let key = |name: &str| Step::Key(name.to_owned());
        let want = vec![key("a"), key("b.c"), Step::Item, Step::Item, key(""), key("q\"\n")];
        assert_eq!(parse(&path), Some(want));
        for name in ["a,b", "!a", "a<b", "a>=b"] {
            assert_eq!(path_of(name), format!("\"{name}\""));
        }
        for bad in ["", "[]", ".a", "a.", "a..b", "a[", "a[0]", "a[]b", "\"a", "a\"b\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_given_type_makes_its_way() {
        let mut root = Type::Struct(vec![("a".into(), Type::Int64), ("n".into(), Type::Undecided)]);
        insert(&mut root, &parse("n[].x").unwrap(), &Type::Date).unwrap();
        insert(&mut root, &parse("b").unwrap(), &Type::Bool).unwrap();
        assert_eq!(root.to_string(), "struct<a: int64, n: list<struct<x: date>>, b: bool>");
        assert_eq!(insert(&mut root, &parse("a.b").unwrap(), &Type::Bool), Err(Type::Int64));
    }
}
