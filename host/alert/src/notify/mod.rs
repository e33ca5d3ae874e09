//! Notifications: alert groups, what has been told already, attempts and retries. How a message travels is `receiver`'s matter.

mod data;
mod dedup;
mod log;
mod alert_group;
mod delivery;
mod pipeline;
mod notifier;
mod view;

pub use data::Notification;
pub(crate) use data::default_templates;
pub use notifier::{Notifier, NotifierOptions};
pub use view::{AlertGroupView, AlertView};

#[cfg(test)]
mod tests;
