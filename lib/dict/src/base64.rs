//! Base64 (RFC 4648, padded) for keys and labels that are not UTF-8.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |v, &b| v << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn digit(b: u8) -> Option<u32> {
    let d = match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(d))
}

/// `None` for anything but the one encoding of some bytes: padding is required, stray bits are refused.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (i, group) in groups.iter().enumerate() {
        let pads = group.iter().rev().take_while(|&&b| b == b'=').count();
        if pads > 2 || (pads > 0 && i + 1 < groups.len()) {
            return None;
        }
        let mut value = 0;
        for &b in &group[..4 - pads] {
            value = value << 6 | digit(b)?;
        }
        value <<= 6 * pads;
        let [_, bytes @ ..] = value.to_be_bytes();
        if bytes[3 - pads..].iter().any(|&b| b != 0) {
            return None;
        }
        out.extend(&bytes[..3 - pads]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold_both_ways() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, text) in vectors {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decode(&encode(&[0xFF, 0, 0xFE, 9])).unwrap(), [0xFF, 0, 0xFE, 9]);
        for bad in ["Zg", "Zg=", "Zh==", "Z===", "====", "Zg==Zg==", "Zm9!"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
