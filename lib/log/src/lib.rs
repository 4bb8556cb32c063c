//! Logs as folders of segments: writer, reader, recovery.
