//! `log`: lines of guests for the operator, through `tracing` with the field `plugin`. Control characters are escaped, so that no
//! guest can forge lines or steer a terminal. 64 KiB a call; the rest is dropped and counted. A line counts as at least 64 bytes: time,
//! level and plugin stand before it, and 65,536 lines of one byte would be megabytes of log.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::abi::wit::log::{Host, Level};
use crate::guest::{GuestState, PluginContext};

/// Where a guest's lines go; WASI's standard output and error share it.
#[derive(Debug, Clone)]
pub(crate) struct LogSink(Arc<Sink>);

#[derive(Debug)]
struct Sink {
    context: Arc<PluginContext>,
    bytes_left: AtomicUsize,
    lines: AtomicU64,
    dropped: AtomicU64,
    /// The last line at level error: a panic's message, which explains a trap better than its backtrace.
    last_words: Mutex<Option<String>>,
}

/// What a line costs at least.
const MIN_LINE_BYTES: usize = 64;

impl LogSink {
    pub(crate) fn new(context: Arc<PluginContext>) -> Self {
        let bytes_left = AtomicUsize::new(context.limits.log_bytes);
        Self(Arc::new(Sink { context, bytes_left, lines: AtomicU64::new(0), dropped: AtomicU64::new(0), last_words: Mutex::new(None) }))
    }

    /// Starts a new call.
    pub(crate) fn reset(&self) {
        self.0.bytes_left.store(self.0.context.limits.log_bytes, Relaxed);
        *crate::lock_mutex(&self.0.last_words) = None;
    }

    pub(crate) fn write(&self, level: Level, message: &str) {
        let sink = &*self.0;
        let left = sink.bytes_left.load(Relaxed);
        let kept = &message[..message.floor_char_boundary(left)];
        sink.bytes_left.store(left.saturating_sub(kept.len().max(MIN_LINE_BYTES)), Relaxed);
        sink.dropped.fetch_add((message.len() - kept.len()) as u64, Relaxed);
        if kept.is_empty() {
            return;
        }
        sink.lines.fetch_add(1, Relaxed);
        let plugin = sink.context.name.as_str();
        let text = escaped(kept);
        match level {
            Level::Trace => tracing::trace!(target: "plugin", plugin, "{text}"),
            Level::Debug => tracing::debug!(target: "plugin", plugin, "{text}"),
            Level::Info => tracing::info!(target: "plugin", plugin, "{text}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, "{text}"),
            Level::Error => {
                tracing::error!(target: "plugin", plugin, "{text}");
                *crate::lock_mutex(&sink.last_words) = Some(text);
            }
        }
    }

    /// Adds the call's lines to the plugin's counters.
    pub(crate) fn settle(&self) {
        let (lines, dropped) = (self.0.lines.swap(0, Relaxed), self.0.dropped.swap(0, Relaxed));
        if lines + dropped > 0 {
            self.0.context.counters.count_log(lines, dropped);
        }
    }

    /// The call's last line at level error.
    pub(crate) fn last_words(&self) -> Option<String> {
        crate::lock_mutex(&self.0.last_words).clone()
    }
}

impl Host for GuestState {
    fn write(&mut self, level: Level, message: String) {
        self.log.write(level, &message);
    }
}

/// The same of at most that many bytes before escaping: texts of guests are of any length, and escaping makes them ten times longer.
pub(crate) fn clipped(text: &str, max_bytes: usize) -> String {
    escaped(&text[..text.floor_char_boundary(max_bytes)])
}

/// Control characters as `\u{…}`, `\n` and the like; everything else as it is.
pub(crate) fn escaped(text: &str) -> String {
    // U+202A..U+202E and U+2066..U+2069 turn the direction of text round.
    let is_unsafe = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = text.trim_end_matches(['\n', '\r']);
    if !text.contains(is_unsafe) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) && character != '\t' {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_guest_forges_a_line_or_steers_a_terminal() {
        let check = |text: &str, want: &str| assert_eq!(escaped(text), want);
        check("plain ä\t1\n", "plain ä\t1");
        check("a\nlevel=error b", "a\\nlevel=error b");
        check("\u{1b}[2J", "\\u{1b}[2J");
        check("a\u{202e}b", "a\\u{202e}b");
        assert_eq!(clipped(&"ä\0".repeat(1_000_000), 4), "ä\\u{0}");
    }
}
