//! Statements that are known by their text. Of a search whose plan is kept, the next one differs in its vector alone, and
//! the thousands of characters that a vector takes need not be split into tokens to tell.

/// The text around the one vector that a statement says.
///
/// A text with the same beginning and the same end says the same, but for the vector: the beginning is read as it was
/// before, up to within the same string, which ends where it ended, since nothing in it can end a string.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    before: String,
    behind: String,
}

impl Frame {
    /// The text around `vector`, for which the statement of this text searches. `None` where it may stand elsewhere in the
    /// statement as well, or may come from elsewhere.
    pub(super) fn around(text: &str, vector: &str) -> Option<Frame> {
        // Without these two characters no string means anything but what it spells, and nothing stands for a value.
        if !is_plain(vector) || text.contains(['\\', '$']) {
            return None;
        }
        let mut strings = text.match_indices("'[").map(|(at, _)| at + 1);
        let at = strings.next().filter(|_| strings.next().is_none())?;
        let (before, rest) = text.split_at_checked(at)?;
        let behind = rest.strip_prefix(vector).filter(|behind| behind.starts_with('\''))?;
        Some(Frame { before: before.to_owned(), behind: behind.to_owned() })
    }

    /// Whether a statement may be another one of these.
    pub(super) fn fits(&self, text: &str) -> bool {
        text.starts_with(self.before.as_str()) && text.ends_with(self.behind.as_str())
    }

    /// The vector of a statement that is another one of these.
    pub(super) fn vector<'a>(&self, text: &'a str) -> Option<&'a str> {
        let vector = text.strip_prefix(self.before.as_str())?.strip_suffix(self.behind.as_str())?;
        is_plain(vector).then_some(vector)
    }
}

/// Whether a text begins as a vector does, and nothing in it ends a string or escapes what does.
fn is_plain(vector: &str) -> bool {
    // To the end in any case, so that many bytes are compared at once.
    let ends = vector.bytes().fold(false, |any, b| any | (b == b'\'') | (b == b'\\'));
    vector.starts_with('[') && !ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_the_text_around_its_vector() {
        let frame = Frame::around("SELECT 'x' FROM v ORDER BY f('[1, 2]', at) LIMIT 2", "[1, 2]").unwrap();
        let vector = |text| frame.vector(text);
        assert_eq!(vector("SELECT 'x' FROM v ORDER BY f('[-1e5,2.0]', at) LIMIT 2"), Some("[-1e5,2.0]"));
        assert_eq!(vector("SELECT 'x' FROM v ORDER BY f('[1, 2]', at) LIMIT 3"), None);
        assert_eq!(vector("SELECT 'y' FROM v ORDER BY f('[1, 2]', at) LIMIT 2"), None);
        assert_eq!(vector("SELECT 'x' FROM v ORDER BY f('1, 2', at) LIMIT 2"), None);
        // What ends the string is no vector.
        assert_eq!(vector("SELECT 'x' FROM v ORDER BY f('[1]', at), f('[2]', at) LIMIT 2"), None);
        assert_eq!(vector("SELECT 'x' FROM v ORDER BY f('[1]''', at) LIMIT 2"), None);
        assert_eq!(vector("SELECT 'x' FROM v ORDER BY f('"), None);
    }

    #[test]
    fn a_text_that_may_say_the_vector_twice_has_no_frame() {
        for text in [
            "SELECT f('[1]', at), f('[1]', at)",
            "SELECT f('[1]', at) WHERE name = '[2]'",
            "SELECT f(at, $1) WHERE name = '[1]'",
            "SELECT f(at, $$[1]$$) WHERE name = '[1]'",
            r"SELECT f(at, E'\x5b1]') WHERE name = '[1]'",
            "SELECT f('[1] ', at)",
            "SELECT f('[2]', at)",
            "SELECT f('1', at)",
        ] {
            assert_eq!(Frame::around(text, "[1]"), None, "{text}");
        }
    }
}
