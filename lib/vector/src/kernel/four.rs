//! What the SIMD sets have in common: kernels over many rows, made of one that takes four rows at a time and one that
//! takes one.

use super::{Coded, Rows, prefetch};

/// Rows that are asked for before they are read.
pub(super) const SOON: usize = 8;

#[inline(always)]
pub(super) fn four_near(rows: Rows<'_>, [a, b, c, d]: [u32; 4], sums: [i32; 4], query: Coded<'_>) -> [f32; 4] {
    let params = [rows.params(a), rows.params(b), rows.params(c), rows.params(d)];
    let mut near = [0.0; 4];
    for i in 0..4 {
        let [scale, bias] = params[i];
        near[i] = sums[i].wrapping_sub(query.offset) as f32 * (query.scale * scale) + bias;
    }
    near
}

/// Bytes that a scan asks for in advance: the processor's own prefetching ends at each page.
const AHEAD: usize = 4096;

#[inline(always)]
pub(super) fn ahead(rows: Rows<'_>, at: u32) {
    let start = at as usize * rows.each + AHEAD;
    if let Some(bytes) = rows.codes.get(start..start + 4 * rows.each) {
        prefetch(bytes);
    }
}

/// `Dots`, `Near` and `Pass` from kernels of four rows and of one.
macro_rules! of_four {
    ($each:ident, $dots:ident, $near:ident, $pass:ident, $features:literal, $four:ident, $dot:ident, $mask:ident) => {
        /// Calls `put` with four rows and their sums at a time, and where they stand in `which`; the last four may be
        /// fewer, filled up with one of them. `put` comes from outside so that it can be inlined here.
        #[target_feature(enable = $features)]
        #[inline]
        fn $each(rows: Rows<'_>, which: &[u32], query: &[i8], mut put: impl FnMut(usize, [u32; 4], [i32; 4])) {
            for &row in which.iter().take(SOON) {
                rows.prefetch(row);
            }
            let mut at = 0;
            while at < which.len() {
                for &row in which.iter().skip(at + SOON).take(4) {
                    rows.prefetch(row);
                }
                let these = match which[at..].first_chunk::<4>() {
                    Some(&four) => four,
                    None => {
                        let mut these = [which[at]; 4];
                        these[..which.len() - at].copy_from_slice(&which[at..]);
                        these
                    }
                };
                let [a, b, c, d] = these;
                let (a, b, c, d) = (rows.get(a), rows.get(b), rows.get(c), rows.get(d));
                let each = rows.each;
                let sums = if a.len() == each && b.len() == each && c.len() == each && d.len() == each {
                    $four([a, b, c, d], query)
                } else {
                    [$dot(a, query), $dot(b, query), $dot(c, query), $dot(d, query)]
                };
                put(at, these, sums);
                at += 4;
            }
        }

        fn $dots(rows: Rows<'_>, which: &[u32], query: &[i8], out: &mut [i32]) {
            let n = which.len().min(out.len());
            let put = |at: usize, _: [u32; 4], sums: [i32; 4]| {
                out[at..n].iter_mut().zip(sums).for_each(|(out, sum)| *out = sum);
            };
            // SAFETY: in tables only that are handed out after these features were detected.
            unsafe { $each(rows, &which[..n], query, put) }
        }

        fn $near(rows: Rows<'_>, which: &[u32], query: Coded<'_>, out: &mut [f32]) {
            let n = which.len().min(out.len());
            let put = |at: usize, these: [u32; 4], sums: [i32; 4]| {
                let near = four_near(rows, these, sums, query);
                out[at..n].iter_mut().zip(near).for_each(|(out, near)| *out = near);
            };
            // SAFETY: as above.
            unsafe { $each(rows, &which[..n], query.codes, put) }
        }

        fn $pass(s: &Screen<'_>, first: usize, limit: f32, sums: &mut [[i32; BLOCK]; 2]) -> u64 {
            #[target_feature(enable = $features)]
            fn run(s: &Screen<'_>, first: usize, limit: f32, sums: &mut [[i32; BLOCK]; 2]) -> u64 {
                let [high, low] = sums;
                let outs = high.as_chunks_mut::<4>().0.iter_mut().zip(low.as_chunks_mut::<4>().0);
                for (at, (high, low)) in (0..).step_by(4).zip(outs) {
                    let at = (first as u32).saturating_add(at);
                    ahead(s.rows, at);
                    let (a, b) = (s.rows.get(at), s.rows.get(at.saturating_add(1)));
                    let (c, d) = (s.rows.get(at.saturating_add(2)), s.rows.get(at.saturating_add(3)));
                    let each = s.rows.each;
                    if a.len() == each && b.len() == each && c.len() == each && d.len() == each {
                        *high = $four([a, b, c, d], s.query[0]);
                        *low = if s.both { $four([a, b, c, d], s.query[1]) } else { [0; 4] };
                    } else {
                        for (i, row) in [a, b, c, d].into_iter().enumerate() {
                            high[i] = $dot(row, s.query[0]);
                            low[i] = if s.both { $dot(row, s.query[1]) } else { 0 };
                        }
                    }
                }
                $mask(&screen::excess(s, first, limit, sums)) & s.present(first)
            }
            // SAFETY: as above.
            unsafe { run(s, first, limit, sums) }
        }
    };
}
pub(super) use of_four;
