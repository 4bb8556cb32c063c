//! Numbers as tables, for people and for pipes alike: aligned columns of plain text.

use super::compare::{Movement, Verdict};
use super::run;

/// Aligned columns; a heading that starts with `>` is right-aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut width: Vec<usize> = header.iter().map(|h| h.trim_start_matches('>').chars().count()).collect();
    for row in rows {
        for (w, cell) in width.iter_mut().zip(row) {
            *w = (*w).max(cell.chars().count());
        }
    }
    let titles: Vec<String> = header.iter().map(|h| h.trim_start_matches('>').to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let cells = header
            .iter()
            .zip(&width)
            .zip(row)
            .map(|((h, &w), cell)| if h.starts_with('>') { format!("{cell:>w$}") } else { format!("{cell:<w$}") });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

pub(crate) fn results(results: &[run::Result]) -> String {
    let header = ["claim", "contender", "role", ">time per unit", "unit", ">units per s", ">ratio", ">±", "note"];
    let rows = results.iter().flat_map(|r| {
        r.contenders.iter().map(|c| {
            vec![
                r.claim.clone(),
                c.name.clone(),
                c.role.name().to_owned(),
                time(c.nanos.median),
                r.unit.clone(),
                count(1e9 / c.nanos.median),
                ratio(c.ratio.median),
                percent(c.ratio.spread()),
                c.note.clone(),
            ]
        })
    });
    table(&header, &rows.collect::<Vec<_>>())
}

pub(crate) fn movements(movements: &[Movement]) -> String {
    let rows = movements.iter().map(|m| {
        let number = |e: Option<super::Estimate>| e.map_or("-".to_owned(), |e| ratio(e.median));
        let noise = |e: Option<super::Estimate>| e.map_or("-".to_owned(), |e| percent(e.spread()));
        vec![
            m.claim.clone(),
            m.contender.clone(),
            m.role.name().to_owned(),
            number(m.before),
            noise(m.before),
            number(m.now),
            noise(m.now),
            m.change().map_or("-".to_owned(), |c| format!("{:+.1}%", c * 100.0)),
            m.verdict.name().to_owned(),
        ]
    });
    table(
        &["claim", "contender", "role", ">before", ">±", ">now", ">±", ">change", "verdict"],
        &rows.collect::<Vec<_>>(),
    )
}

/// The movements that a reader has to look at.
pub(crate) fn notable(movements: &[Movement]) -> Vec<Movement> {
    movements.iter().filter(|m| m.verdict != Verdict::Same).cloned().collect()
}

/// Three digits that count, however small the ratio.
fn ratio(v: f64) -> String {
    match v {
        v if v < 0.01 => format!("{v:.5}"),
        v if v < 0.1 => format!("{v:.4}"),
        v => format!("{v:.3}"),
    }
}

fn percent(v: f64) -> String {
    format!("{:.1}%", v * 100.0)
}

fn time(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.2} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

fn count(v: f64) -> String {
    match v {
        v if v < 1e3 => format!("{v:.1}"),
        v if v < 1e6 => format!("{:.1} k", v / 1e3),
        v if v < 1e9 => format!("{:.1} M", v / 1e6),
        v => format!("{:.1} G", v / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_they_hold() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()], vec!["±±±±".to_owned(), "12345".to_owned()]];
        assert_eq!(table(&["k", ">v"], &rows), "k         v\na         1\n±±±±  12345\n");
    }

    #[test]
    fn units_fit_the_size() {
        assert_eq!((time(0.5), time(1500.0), time(2.5e9)), ("0.50 ns".into(), "1.50 us".into(), "2.50 s".into()));
        assert_eq!((ratio(0.00412), ratio(0.0412), ratio(4.12)), ("0.00412".into(), "0.0412".into(), "4.120".into()));
        assert_eq!((count(12.0), count(2.5e6), count(1e9)), ("12.0".into(), "2.5 M".into(), "1.0 G".into()));
    }
}
