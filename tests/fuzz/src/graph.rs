//! A graph's manifest: the document as it is, and with its checksum made true.

use qx_graph::GraphManifest;

pub fn manifest(data: &[u8]) {
    decoded(data);
    let mut sealed = data.to_vec();
    let crc = crc32c::crc32c(&sealed);
    sealed.extend_from_slice(format!(",\"crc32c\":\"{crc:08x}\"}}\n").as_bytes());
    decoded(&sealed);
}

fn decoded(bytes: &[u8]) {
    let Ok(m) = GraphManifest::decode(bytes) else { return };
    // What was read can be written, and means the same then.
    let Ok(written) = m.encode() else { return };
    assert_eq!(GraphManifest::decode(&written).expect("what was written"), m);
}
