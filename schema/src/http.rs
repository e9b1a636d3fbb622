//! Names used on a plugin's socket: paths, headers, roles.

use crate::open_enum::open_enum;

/// Reserved paths of a plugin's socket server.
pub mod path {
    /// The health path of a manifest that names none.
    pub const HEALTH: &str = "/health";
    /// Where the host dials the channel.
    pub const CHANNEL: &str = "/_temps/channel";
    /// Where a host posts an event when the channel is down (dialect 1).
    pub const EVENTS: &str = "/_events";
    /// The first segment kept for the protocol.
    pub const RESERVED: &str = "/_temps";
    /// The root of a plugin's user interface.
    pub const UI: &str = "/ui";

    /// Whether `path` is `prefix` itself or lies below it, by whole segments.
    ///
    /// ```
    /// use temps_plugin_schema::http::path::is_under;
    /// assert!(is_under("/_temps/channel", "/_temps"));
    /// assert!(!is_under("/_tempsy", "/_temps"));
    /// ```
    #[must_use]
    pub fn is_under(path: &str, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Header names. All are lower case, as HTTP libraries store them.
pub mod header {
    /// Every header the host sets starts with this; the host removes all of them from a caller's
    /// request.
    pub const PREFIX: &str = "x-temps-";
    /// The plugin's name.
    pub const PLUGIN: &str = "x-temps-plugin";
    /// A fresh UUID per request.
    pub const REQUEST_ID: &str = "x-temps-request-id";
    /// The signed-in caller's id.
    pub const USER_ID: &str = "x-temps-user-id";
    /// The signed-in caller's mail address.
    pub const USER_EMAIL: &str = "x-temps-user-email";
    /// The signed-in caller's role, a [`Role`](super::Role).
    pub const USER_ROLE: &str = "x-temps-user-role";
    /// The signed-in caller's permissions, comma-separated.
    pub const USER_PERMISSIONS: &str = "x-temps-user-permissions";
    /// The shared secret: the host's proof of who it is.
    pub const AUTH_SIGNATURE: &str = "x-temps-auth-signature";
    /// The shared secret on `POST /_events` in dialect 1.
    pub const AUTH: &str = "x-temps-auth";
    /// What lets a plugin call the platform's API as the caller (dialect 2).
    pub const ACTOR_TOKEN: &str = "x-temps-actor-token";

    /// Headers a host removes from a caller's request besides those under [`PREFIX`].
    pub const STRIPPED: [&str; 3] = ["cookie", "authorization", "proxy-authorization"];
    /// Headers that carry a credential of the protocol itself: an SDK reads them and hides them from
    /// its author's handlers, so that a handler that echoes its headers cannot leak them.
    pub const CREDENTIALS: [&str; 3] = [AUTH_SIGNATURE, AUTH, ACTOR_TOKEN];
}

open_enum! {
    /// What a signed-in caller is on the platform. A role this crate does not know is kept as text
    /// and grants nothing by itself.
    pub enum Role {
        /// Runs the instance.
        Admin = "admin",
        /// Runs the platform, short of the instance itself.
        PlatformAdmin = "platform_admin",
        /// An ordinary account.
        User = "user",
        /// May look, not touch.
        Reader = "reader",
        /// A read-only API key.
        ApiReader = "api_reader",
        /// A role made by an administrator; its permissions say what it may do.
        Custom = "custom",
        /// A key that may only send metrics.
        MetricsIngest = "metrics_ingest",
    }
}
