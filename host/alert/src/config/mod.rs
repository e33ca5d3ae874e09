//! `alertmanager.yml`: how it is written (`file`) and what it means (`check`). It reads no YAML: the host brings the deserializer.

mod file;
mod http_file;
mod check;
mod receiver;
#[cfg(test)]
mod tests;

pub use check::{AlertmanagerConfig, TemplateSource};
pub use file::{
    AlertmanagerFile, EmailEntry, GlobalEntry, InhibitRuleEntry, ReceiverEntry, RouteEntry, TimeIntervalEntry, TimeRangeEntry, TimesEntry,
    TlsEntry,
};
pub use http_file::{AuthorizationEntry, BasicAuthEntry, HttpEntry, PagerdutyEntry, SlackEntry, SlackFieldEntry, Unserved, WebhookEntry};
pub use receiver::{Integration, ReceiverConfig};
