//! Which operations are wanted: what `dump` and `follow` share.

use qx_cli::parse_duration;
use qx_formats::{Error, Result};
use qx_log::{Op, Transaction, now_us, parse_time_us};

use qx_dict::base64;

/// Every name of an operation, as lines have them.
const KINDS: [&str; 11] =
    ["node", "del_node", "edge", "del_edge", "put", "del", "touch", "row", "del_row", "define", "graph"];

#[derive(clap::Args, Debug, Clone, Default)]
pub struct FilterArgs {
    /// Last LSN to print
    #[arg(long, value_name = "LSN")]
    pub to_lsn: Option<u64>,

    /// Only what was committed since then: a time (2026-11-20T19:00:00Z), or how long ago (10m)
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    pub since: Option<u64>,

    /// Only these operations: node, del_node, edge, del_edge, put, del, touch, row, del_row, define, graph
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(KINDS), hide_possible_values = true)]
    pub kind: Vec<String>,

    /// Only nodes with this label
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,

    /// Only nodes and KV entries with this key; `b64:...` for one that is no text
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    pub key: Option<Key>,

    /// Only these transactions
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub txn: Vec<u64>,
}

/// A key as bytes.
#[derive(Debug, Clone)]
pub struct Key(Vec<u8>);

fn parse_key(text: &str) -> std::result::Result<Key, String> {
    match text.strip_prefix("b64:") {
        Some(b64) => base64::decode(b64).map(Key).ok_or_else(|| "what follows `b64:` is not base64".to_owned()),
        None => Ok(Key(text.as_bytes().to_vec())),
    }
}

fn parse_since(text: &str) -> std::result::Result<u64, String> {
    match parse_duration(text) {
        Ok(ago) => Ok(now_us().saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX))),
        Err(_) => parse_time_us(text).map_err(|e| format!("{e}; nor is it how long ago, like 10m")),
    }
}

impl FilterArgs {
    /// # Errors
    /// `Usage` for a range that is none.
    pub fn check(&self, from_lsn: u64) -> Result<()> {
        match self.to_lsn {
            Some(last) if last < from_lsn => {
                Err(Error::usage("--to-lsn is lower than --from-lsn").expected(from_lsn).got(last))
            }
            _ => Ok(()),
        }
    }

    pub fn last(&self) -> u64 {
        self.to_lsn.unwrap_or(u64::MAX)
    }

    /// Whether anything of a transaction can be wanted.
    pub fn takes_transaction(&self, tx: &Transaction) -> bool {
        self.takes_txn(tx.txn) && self.since.is_none_or(|since| tx.time_us >= since)
    }

    pub fn takes_txn(&self, txn: u64) -> bool {
        self.txn.is_empty() || self.txn.contains(&txn)
    }

    /// Something is asked about operations, not only about where they stand.
    pub fn asks_of_operations(&self) -> bool {
        !self.kind.is_empty() || self.label.is_some() || self.key.is_some()
    }

    pub fn takes(&self, op: &Op) -> bool {
        let (label, key): (Option<&str>, Option<&[u8]>) = match op {
            Op::NodeUpsert { label, key, .. } | Op::NodeDelete { label, key, .. } => (Some(label), Some(key)),
            Op::KvPut { key, .. } | Op::KvDelete { key, .. } | Op::KvTouch { key, .. } => (None, Some(key.as_bytes())),
            _ => (None, None),
        };
        (self.kind.is_empty() || self.kind.iter().any(|k| k == op.name()))
            && self.label.as_deref().is_none_or(|wanted| label == Some(wanted))
            && self.key.as_ref().is_none_or(|wanted| key == Some(&wanted.0))
    }
}
