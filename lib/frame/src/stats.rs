//! Per-field counts of a look at an input.

use std::collections::BTreeMap;

use crate::path::push_name;
use crate::report::FieldStats;
use crate::shape::{Fields, Rows, SEEN, Seen, Shape};
use crate::types::Type;

/// Every field in order, each followed by what is inside it.
pub(crate) fn fields(rows: &Rows, columns: &[(String, Type)]) -> Vec<FieldStats> {
    let mut out = Vec::new();
    let mut path = String::new();
    walk(&rows.fields, columns, rows.rows, &mut path, &mut out);
    // Among scalars alone, a null is one of them; among objects it is an object that lacks every key.
    if rows.objects == 0
        && let [value] = out.get_mut(..1).unwrap_or_default()
    {
        let nulls = rows.rows.saturating_sub(value.present);
        value.present += nulls;
        value.null += nulls;
        value.missing = 0;
    }
    out
}

/// `parents`: how many objects could have had these fields.
fn walk(fields: &Fields, columns: &[(String, Type)], parents: u64, path: &mut String, out: &mut Vec<FieldStats>) {
    let nothing = Shape::default();
    for (name, t) in columns {
        let shape = fields.get(name.as_bytes()).unwrap_or(&nothing);
        let length = path.len();
        push_name(path, name);
        place(shape, t, parents, path, out);
        path.truncate(length);
    }
}

fn place(shape: &Shape, t: &Type, parents: u64, path: &mut String, out: &mut Vec<FieldStats>) {
    let types: BTreeMap<_, _> = SEEN
        .iter()
        .filter(|seen| **seen != Seen::Null && shape.count(**seen) > 0)
        .map(|seen| (seen.name(), shape.count(*seen)))
        .collect();
    let (present, null) = (shape.present(), shape.count(Seen::Null));
    out.push(FieldStats {
        path: path.clone(),
        type_name: t.to_string(),
        present,
        null,
        missing: parents.saturating_sub(present),
        types,
    });
    let length = path.len();
    match t {
        Type::Struct(columns) => walk(&shape.fields, columns, shape.count(Seen::Object), path, out),
        Type::List(item) | Type::Map(item) => {
            path.push_str("[]");
            let inner = match t {
                Type::List(_) => shape.item.as_deref().cloned().unwrap_or_default(),
                _ => shape.map_values(),
            };
            place(&inner, item, inner.present(), path, out);
            path.truncate(length);
        }
        _ => {}
    }
}
