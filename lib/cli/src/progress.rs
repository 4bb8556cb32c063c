//! Progress bars, only when stderr is a terminal.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use qx_io::Progress;

/// A bar on stderr; the phase before it is wiped when the next one starts.
#[derive(Default)]
pub(crate) struct Bar(Mutex<Option<ProgressBar>>);

impl Progress for Bar {
    fn phase(&self, what: &str, total: Option<u64>, unit: &'static str) {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let count = match (unit, total) {
            ("bytes", Some(_)) => "{bytes}/{total_bytes} {bytes_per_sec}",
            ("bytes", None) => "{bytes} {bytes_per_sec}",
            (_, Some(_)) => "{human_pos}/{human_len} {per_sec}",
            (_, None) => "{human_pos} {per_sec}",
        };
        let line = match total {
            Some(_) => format!("{{msg}} {{wide_bar}} {count} {{eta}}"),
            None => format!("{{spinner}} {{msg}} {count}"),
        };
        if let Ok(style) = ProgressStyle::with_template(&line) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        if let Ok(mut slot) = self.0.lock()
            && let Some(old) = slot.replace(bar)
        {
            old.finish_and_clear();
        }
    }

    fn advance(&self, n: u64) {
        if let Ok(slot) = self.0.lock()
            && let Some(bar) = slot.as_ref()
        {
            bar.inc(n);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Ok(slot) = self.0.get_mut()
            && let Some(bar) = slot.take()
        {
            bar.finish_and_clear();
        }
    }
}
