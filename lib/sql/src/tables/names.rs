//! Names of tables in statements.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName as SqlName, ObjectNamePart};
use qx_formats::{Error, Result};
use qx_store::delta::At;
use qx_store::names::{DEFAULT_SCHEMA, ObjectName};

use super::Shape;
use crate::session::Session;
use crate::system::SYSTEM_SCHEMA;

/// Between a table's name and what is asked of it beside its rows. No name of a table holds it.
const SEPARATOR: char = '\u{1f}';

/// An identifier as the engine reads it: what is not quoted is in lower case.
pub(crate) fn ident(i: &Ident) -> String {
    if i.quote_style.is_some() { i.value.clone() } else { i.value.to_lowercase() }
}

/// The table that a name in a statement means.
///
/// # Errors
/// `Usage` for a name of another database or of too many parts.
pub(crate) fn table_name(session: &Session, name: &SqlName) -> Result<ObjectName> {
    let parts: Option<Vec<String>> = name.0.iter().map(|p| p.as_ident().map(ident)).collect();
    let wrong = || Error::usage(format!("`{name}` cannot name a table")).expected("name or schema.name");
    let mut parts = parts.ok_or_else(wrong)?;
    if parts.len() == 3 {
        if parts[0] != session.store().database() {
            return Err(wrong().got(format!("database {}", parts[0])));
        }
        parts.remove(0);
    }
    match parts.as_slice() {
        [name] => ObjectName::parse("table", &format!("{DEFAULT_SCHEMA}.{name}")),
        [schema, name] => ObjectName::parse("table", &format!("{schema}.{name}")),
        _ => Err(wrong()),
    }
}

/// Refuses the name of a new thing in a schema whose names the engine or we answer for: nobody would ever find it there.
///
/// # Errors
/// `Usage`.
pub(crate) fn check_schema(kind: &str, name: &ObjectName) -> Result<()> {
    if [SYSTEM_SCHEMA, "information_schema"].contains(&name.schema.as_str()) {
        let what = format!("`{}` cannot name a {kind}: the schema {} is the system's own", name.key(), name.schema);
        return Err(Error::usage(what).hint("name another schema, or none"));
    }
    Ok(())
}

/// The table under a name that asks for more than its plain rows.
pub(crate) fn rows_name(table: &ObjectName, shape: Shape) -> SqlName {
    let parts = [table.schema.clone(), rows_suffix(&table.name, shape)];
    SqlName(parts.into_iter().map(|p| ObjectNamePart::Identifier(Ident::with_quote('"', p))).collect())
}

/// A table's own name with what is asked of it.
pub(crate) fn rows_suffix(name: &str, shape: Shape) -> String {
    match shape {
        Shape::Plain => name.to_owned(),
        Shape::Hidden => format!("{name}{SEPARATOR}rows"),
        Shape::Ids => format!("{name}{SEPARATOR}ids"),
        Shape::At(At::Version(v)) => format!("{name}{SEPARATOR}v{v}"),
        Shape::At(At::Time(us)) => format!("{name}{SEPARATOR}t{us}"),
    }
}

/// The way back from [`rows_name`].
pub(crate) fn split_rows_name(name: &str) -> (&str, Shape) {
    let Some((table, asked)) = name.split_once(SEPARATOR) else { return (name, Shape::Plain) };
    if asked == "ids" {
        return (table, Shape::Ids);
    }
    let shape = match asked.split_at_checked(1) {
        Some(("v", v)) => v.parse().ok().map(|v| Shape::At(At::Version(v))),
        Some(("t", us)) => us.parse().ok().map(|us| Shape::At(At::Time(us))),
        _ => None,
    };
    (table, shape.unwrap_or(Shape::Hidden))
}
