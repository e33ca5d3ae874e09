//! What happens when a guest asks for more than it was granted: a typed error for the guest, a count, and at most once a minute and
//! plugin a line in the log that ends with the command which would grant it.

use std::time::Instant;

use crate::abi::wit::types::Error;
use crate::grant::Capability;
use crate::guest::GuestState;

/// Bytes of what was asked for that a message repeats; more than any path or host that exists.
const MAX_NAME_BYTES: usize = 4_200;

impl GuestState {
    /// Refuses `what`, which `word` would grant.
    pub(crate) fn deny(&mut self, capability: Capability, word: &str, what: &str) -> Error {
        let plugin = self.context.name.as_str();
        let what = &what[..what.floor_char_boundary(MAX_NAME_BYTES)];
        let word = for_shell(&format!("{capability}:{}", &word[..word.floor_char_boundary(MAX_NAME_BYTES)]));
        let message = format!("plugin \"{plugin}\" may not use {capability} for {what}; run: cepmon plugin grant {plugin} {word}");
        self.refuse(capability, message)
    }

    /// Refuses what no grant allows; the message says why.
    pub(crate) fn refuse(&mut self, capability: Capability, message: String) -> Error {
        let message = crate::capability::log::escaped(&message);
        if self.context.counters.count_denial(Instant::now()) {
            tracing::warn!(plugin = self.context.name.as_str(), capability = capability.as_str(), "{message}");
        }
        self.call.denied = Some(message.clone());
        Error::Denied(message)
    }
}

/// A word as a shell takes it: the command is there to be copied, and parts of it come from the guest.
fn for_shell(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/._-".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_copied_whatever_the_guest_asked_for() {
        let check = |word: &str, want: &str| assert_eq!(for_shell(word), want);
        check("files:/proc/stat", "files:/proc/stat");
        check("http:[::1]:80", "'http:[::1]:80'");
        check("unix-http:/run/d.sock:GET /info", "'unix-http:/run/d.sock:GET /info'");
        check("files:/a';reboot;'", r"'files:/a'\'';reboot;'\'''");
    }
}
