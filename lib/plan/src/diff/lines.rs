//! Lists of lines beside each other: the longest common subsequence, and what is not in it.

/// Above this many pairs the lines are compared as multisets instead: the table would not fit.
const MAX_PAIRS: usize = 4_000_000;

/// One line of two lists beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair<'a> {
    Both(&'a str),
    Left(&'a str),
    Right(&'a str),
}

/// Aligns two lists of lines.
pub fn align<'a>(left: &'a [String], right: &'a [String]) -> Vec<Pair<'a>> {
    let start = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    let (l, r) = (&left[start..], &right[start..]);
    let end = l.iter().rev().zip(r.iter().rev()).take_while(|(l, r)| l == r).count();
    let (l_mid, r_mid) = (&l[..l.len() - end], &r[..r.len() - end]);
    let mut out: Vec<Pair<'a>> = left[..start].iter().map(|s| Pair::Both(s)).collect();
    middle(l_mid, r_mid, &mut out);
    out.extend(l[l.len() - end..].iter().map(|s| Pair::Both(s)));
    out
}

fn middle<'a>(left: &'a [String], right: &'a [String], out: &mut Vec<Pair<'a>>) {
    if left.len().saturating_mul(right.len()) > MAX_PAIRS {
        out.extend(left.iter().map(|s| Pair::Left(s)));
        out.extend(right.iter().map(|s| Pair::Right(s)));
        return;
    }
    let width = right.len() + 1;
    let mut table = vec![0u32; (left.len() + 1) * width];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            table[i * width + j] = if left[i] == right[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] == right[j] {
            out.push(Pair::Both(&left[i]));
            (i, j) = (i + 1, j + 1);
        } else if table[(i + 1) * width + j] >= table[i * width + j + 1] {
            out.push(Pair::Left(&left[i]));
            i += 1;
        } else {
            out.push(Pair::Right(&right[j]));
            j += 1;
        }
    }
    out.extend(left[i..].iter().map(|s| Pair::Left(s)));
    out.extend(right[j..].iter().map(|s| Pair::Right(s)));
}

/// The lines that only the left list has, and those that only the right one has.
pub fn removed_and_added(left: &[String], right: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for pair in align(left, right) {
        match pair {
            Pair::Both(_) => {}
            Pair::Left(line) => removed.push(line.to_owned()),
            Pair::Right(line) => added.push(line.to_owned()),
        }
    }
    (removed, added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_is_found_in_order() {
        let list = |s: &str| s.chars().map(String::from).collect::<Vec<_>>();
        let (left, right) = (list("abcdef"), list("axcdyf"));
        let text: String = align(&left, &right)
            .into_iter()
            .map(|p| match p {
                Pair::Both(s) => s.to_owned(),
                Pair::Left(s) => format!("-{s}"),
                Pair::Right(s) => format!("+{s}"),
            })
            .collect();
        assert_eq!(text, "a-b+xcd-e+yf");
        assert_eq!(removed_and_added(&list("abc"), &list("abc")), (vec![], vec![]));
        assert_eq!(removed_and_added(&[], &list("a")), (vec![], vec!["a".to_owned()]));
    }
}
