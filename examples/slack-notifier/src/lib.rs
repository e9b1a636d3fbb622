//! slack-notifier
