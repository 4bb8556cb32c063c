//! What the SIMD sets have in common: kernels over many rows, made of one that takes four rows at a time and one that
//! takes one.

use super::{Coded, Rows, prefetch_ahead};

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

/// Four rows that stand one behind the other; what comes [`AHEAD`] of them is asked for.
#[inline(always)]
pub(super) fn split4(four: &[u8], each: usize) -> [&[u8]; 4] {
    prefetch_ahead(four, AHEAD);
    let (ab, cd) = four.split_at(2 * each);
    let ((a, b), (c, d)) = (ab.split_at(each), cd.split_at(each));
    [a, b, c, d]
}

/// `Dots`, `Near`, `Stream` and `Pass` from kernels of four rows and of one.
macro_rules! of_four {
    ($each:ident, $dots:ident, $near:ident, $stream:ident, $pass:ident, $features:literal, $four:ident, $dot:ident, $mask:ident) => {
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

        fn $stream(rows: Rows<'_>, query: Coded<'_>, out: &mut [f32]) {
            #[target_feature(enable = $features)]
            fn run(rows: Rows<'_>, query: Coded<'_>, out: &mut [f32]) {
                let each = rows.each;
                let (fours, rest) = out.as_chunks_mut::<4>();
                // Rows of nothing are in no chunk.
                let codes = rows.codes.chunks_exact((4 * each).max(1));
                let mut done = 0u32;
                for (out, four) in fours.iter_mut().zip(codes) {
                    let sums = $four(split4(four, each), query.codes);
                    *out = four_near(rows, [done, done + 1, done + 2, done + 3], sums, query);
                    done += 4;
                }
                for out in fours.as_flattened_mut().iter_mut().skip(done as usize).chain(rest) {
                    let sums = [$dot(rows.get(done), query.codes); 4];
                    [*out, ..] = four_near(rows, [done; 4], sums, query);
                    done += 1;
                }
            }
            // SAFETY: as above.
            unsafe { run(rows, query, out) }
        }

        fn $pass(s: &Screen<'_>, first: usize, limit: f32, sums: &mut [[i32; BLOCK]; 2]) -> u64 {
            #[target_feature(enable = $features)]
            fn run(s: &Screen<'_>, first: usize, limit: f32, sums: &mut [[i32; BLOCK]; 2]) -> u64 {
                let [high, low] = &mut *sums;
                let each = s.rows.each;
                match s.rows.block(first) {
                    Some(block) => {
                        let outs = high.as_chunks_mut::<4>().0.iter_mut().zip(low.as_chunks_mut::<4>().0);
                        for (four, (high, low)) in block.chunks_exact(4 * each).zip(outs) {
                            let four = split4(four, each);
                            *high = $four(four, s.query[0]);
                            *low = if s.both { $four(four, s.query[1]) } else { [0; 4] };
                        }
                    }
                    None => {
                        for (i, (high, low)) in high.iter_mut().zip(low).enumerate() {
                            let row = s.rows.get((first as u32).saturating_add(i as u32));
                            *high = $dot(row, s.query[0]);
                            *low = if s.both { $dot(row, s.query[1]) } else { 0 };
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
