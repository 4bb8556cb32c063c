//! Tables for people: box-drawn on a terminal, plain aligned columns elsewhere.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Inner, presets};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    /// For numbers.
    Right,
}

/// Rows of text under named columns.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns by name; a name that starts with `>` is right-aligned (numbers).
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        Self::aligned(columns.into_iter().map(|c| match c.strip_prefix('>') {
            Some(name) => (name, Align::Right),
            None => (c, Align::Left),
        }))
    }

    /// Columns whose names are data, which begin with any sign.
    pub fn aligned<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let header = columns.into_iter().map(|(name, align)| (clean(name.to_owned()), align));
        Table { header: header.collect(), rows: Vec::new() }
    }

    /// Two columns, for the fields of one thing.
    pub fn fields() -> Self {
        Self::new(["field", "value"])
    }

    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        self.rows.push(cells.into_iter().map(|c| clean(c.into())).collect());
        self
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As it is printed in a pipe: plain aligned columns.
    pub fn plain(&self) -> String {
        self.render(false, false)
    }

    pub(crate) fn render(&self, terminal: bool, color: bool) -> String {
        let mut t = Inner::new();
        t.load_preset(if terminal { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
        t.set_content_arrangement(if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
        let bold = |name: &str| if color { format!("\u{1b}[1m{name}\u{1b}[0m") } else { name.to_owned() };
        t.set_header(self.header.iter().map(|(name, _)| Cell::new(bold(name))));
        for row in &self.rows {
            t.add_row(row.iter().map(Cell::new));
        }
        for (i, (_, align)) in self.header.iter().enumerate() {
            if let (Align::Right, Some(column)) = (align, t.column_mut(i)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = String::new();
        for line in t.to_string().lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Control characters in data must not reach a terminal as commands.
fn clean(s: String) -> String {
    if s.chars().any(char::is_control) {
        s.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
    } else {
        s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_data_are_printed_as_they_are() {
        let mut table = Table::aligned([(">a", Align::Left), ("b\u{1b}[2J", Align::Right)]);
        table.row(["1", "x\n"]);
        let text = table.plain();
        assert!(text.contains(" >a ") && text.contains(" b\u{fffd}[2J\n") && text.contains(" x\u{fffd}\n"), "{text:?}");
    }
}
