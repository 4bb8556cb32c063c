//! Fingerprints of what a plan depends on, and whether those of a bundle are of what it holds.

use std::collections::BTreeMap;

use qx_formats::{Error, Result};

use crate::bundle::{Bundle, Stage, StatementInfo};
use crate::facts::Facts;
use crate::providers::{Provider, ProviderPrints, TableStatistics};
use crate::schema::{ColumnInfo, fingerprint};
use crate::structure::{digest_of, digest_parts};

/// Of the statement: kind, text and parameters.
pub(crate) fn statement(s: &StatementInfo) -> String {
    digest_of("qx.plan.statement.1", &(&s.kind, &s.sql, &s.parameters))
}

/// Of the columns of all relations.
pub(crate) fn schemas(all: &[Provider]) -> String {
    digest_parts("qx.plan.each.1", all.iter().flat_map(|p| [&p.relation, &p.fingerprints.schema]))
}

/// Of whatever else is known of all relations.
pub(crate) fn providers(all: &[Provider]) -> String {
    let parts = all.iter().flat_map(|p| {
        let f = &p.fingerprints;
        [p.relation.as_str(), &f.content, &f.statistics, &f.facts]
    });
    digest_parts("qx.plan.providers.1", parts)
}

pub(crate) fn settings(all: &BTreeMap<String, Option<String>>) -> String {
    digest_of("qx.plan.settings.1", all)
}

/// Of one relation.
pub(crate) fn provider(facts: &Facts, columns: &[ColumnInfo], statistics: &TableStatistics) -> ProviderPrints {
    let content: Vec<(&str, u64)> = facts.files.iter().flatten().map(|f| (f.path.as_str(), f.bytes)).collect();
    ProviderPrints {
        schema: fingerprint(columns),
        content: digest_of("qx.plan.content.1", &(&facts.version, content)),
        statistics: statistics.digest.clone(),
        facts: digest_of("qx.plan.facts.1", &(&facts.kind, &facts.entries, &facts.reasons)),
    }
}

fn same(what: &str, said: &str, is: &str) -> Result<()> {
    if said == is {
        return Ok(());
    }
    Err(Error::invalid(format!("the bundle was changed: its digest of {what} is not of what it holds"))
        .expected(is)
        .got(said)
        .hint("capture it again"))
}

fn stage(s: &Stage) -> Result<()> {
    let check = |what: &str, said: Option<&str>, is: &str| match said {
        Some(said) => same(&format!("{what} of {}", s.name), said, is),
        None => Ok(()),
    };
    // One that nests too deep is not kept, and can be compared by its digests alone.
    if let Some(plan) = &s.plan {
        check("the shape", s.shape.as_deref(), &plan.shape_digest())?;
        check("the plan", s.full.as_deref(), &plan.full_digest())?;
    }
    check("the columns", s.schema.as_deref(), &fingerprint(&s.columns))
}

/// That digests and fingerprints are of what the bundle holds: comparisons go by them. Those of a redacted one are of
/// what was taken out, and cannot be checked; nor can that of the functions, which a bundle does not list.
///
/// # Errors
/// `Invalid`, naming the first that is not.
pub(crate) fn check(b: &Bundle) -> Result<()> {
    if b.redacted {
        return Ok(());
    }
    b.stages.iter().try_for_each(stage)?;
    for p in &b.providers {
        let is = provider(&p.facts, &p.columns, &p.statistics);
        let parts = |f: &ProviderPrints| [f.schema.clone(), f.content.clone(), f.statistics.clone(), f.facts.clone()];
        for ((said, is), what) in
            parts(&p.fingerprints).iter().zip(&parts(&is)).zip(["columns", "content", "statistics", "facts"])
        {
            same(&format!("the {what} of {}", p.relation), said, is)?;
        }
    }
    let f = &b.fingerprints;
    same("the statement", &f.statement, &statement(&b.statement))?;
    same("the schemas", &f.schema, &schemas(&b.providers))?;
    same("the relations", &f.providers, &providers(&b.providers))?;
    same("the rules", &f.rules, &b.rules.fingerprint())?;
    same("the settings", &f.settings, &settings(&b.settings))
}
