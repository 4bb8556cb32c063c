//! Sorting many strings that begin alike.

/// A string in an arena, with a number that decides among equal ones.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// The eight bytes that are being compared.
    window: u64,
    from: u64,
    len: u32,
    /// How many of the window's bytes are of the string, at most 9: more follow.
    inside: u8,
    pub number: u64,
}

impl Item {
    pub fn new(from: usize, len: usize, number: u64) -> Item {
        Item { window: 0, from: from as u64, len: len as u32, inside: 0, number }
    }

    #[inline]
    pub fn text<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let from = self.from as usize;
        arena.get(from..from + self.len as usize).unwrap_or(&[])
    }

    #[inline]
    fn look(&mut self, arena: &[u8], depth: usize) {
        let rest = self.text(arena).get(depth..).unwrap_or(&[]);
        let mut eight = [0; 8];
        let n = rest.len().min(8);
        eight[..n].copy_from_slice(&rest[..n]);
        self.window = u64::from_be_bytes(eight);
        self.inside = rest.len().min(9) as u8;
    }
}

/// Bytes that all of these share from `depth` on, their first and last in mind only: enough to skip, never too much.
fn shared(arena: &[u8], items: &[Item], depth: usize) -> usize {
    let Some((first, others)) = items.split_first() else { return depth };
    let first = first.text(arena);
    let mut end = first.len();
    for item in others {
        let text = item.text(arena);
        let most = end.min(text.len());
        if text.get(depth..most) == first.get(depth..most) {
            end = most;
        } else {
            end = depth + text[depth..most].iter().zip(&first[depth..most]).take_while(|(a, b)| a == b).count();
        }
        if end <= depth {
            return depth;
        }
    }
    end
}

/// Sorts by text, then by number. Eight bytes at a time are looked at, so that a comparison costs no access to the
/// texts; strings that are alike in them are sorted by the eight that follow.
pub fn sort(arena: &[u8], items: &mut [Item]) {
    let mut todo = vec![(0, items.len(), 0)];
    while let Some((from, to, depth)) = todo.pop() {
        let part = &mut items[from..to];
        if part.len() < 2 {
            continue;
        }
        let depth = shared(arena, part, depth);
        part.iter_mut().for_each(|item| item.look(arena, depth));
        part.sort_unstable_by_key(|item| (item.window, item.inside));
        let mut start = 0;
        while start < part.len() {
            let (window, inside) = (part[start].window, part[start].inside);
            let same = part[start..].iter().take_while(|i| i.window == window && i.inside == inside).count();
            if inside > 8 {
                todo.push((from + start, from + start + same, depth + 8));
            } else {
                part[start..start + same].sort_unstable_by_key(|item| item.number);
            }
            start += same;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_sorted_as_bytes_are() {
        let mut texts: Vec<Vec<u8>> = vec![vec![], vec![0], vec![0, 0], b"abcdefgh".to_vec(), b"abcdefgh\0".to_vec()];
        for i in 0..3000u32 {
            let n = i.wrapping_mul(2_654_435_761);
            texts.push(format!("http://example.org/{:x}/{}", n % 97, n % 1000).into_bytes());
            texts.push(vec![(n % 3) as u8; (n % 40) as usize]);
        }
        let arena = texts.concat();
        let mut at = 0;
        let mut items = Vec::new();
        for (i, t) in texts.iter().enumerate() {
            items.push(Item::new(at, t.len(), i as u64));
            at += t.len();
        }
        sort(&arena, &mut items);
        let mut want: Vec<(Vec<u8>, u64)> = texts.into_iter().zip(0..).collect();
        want.sort();
        let got: Vec<_> = items.iter().map(|i| (i.text(&arena).to_vec(), i.number)).collect();
        assert_eq!(got, want);
    }
}
