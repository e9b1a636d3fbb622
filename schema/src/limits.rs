//! Every number the protocol fixes, in one place.

use std::time::Duration;

/// Longest handshake line, in bytes, its `\n` included.
pub const HANDSHAKE_LINE_BYTES: usize = 2 * 1024 * 1024;
/// Longest launch line (dialect 2), in bytes, its `\n` included.
pub const LAUNCH_LINE_BYTES: usize = 64 * 1024;
/// How long each step of the handshake may take.
pub const HANDSHAKE_STEP: Duration = Duration::from_secs(30);
/// Fewest characters of an `auth_secret`.
pub const SECRET_MIN_CHARS: usize = 32;
/// Most characters of an `auth_secret`.
pub const SECRET_MAX_CHARS: usize = 256;
/// Most characters of a plugin's name.
pub const NAME_MAX_CHARS: usize = 64;
/// A plugin puts no limit below this on a request body unless its author asks for one, in bytes.
pub const BODY_FLOOR_BYTES: usize = 16 * 1024 * 1024;
/// A plugin takes channel messages of at least this size, in bytes.
pub const CHANNEL_MESSAGE_FLOOR_BYTES: usize = 16 * 1024 * 1024;
/// Largest `api_call` body, over all its parts and as it is sent, in bytes.
pub const API_CALL_BODY_BYTES: usize = 32 * 1024 * 1024;
/// How long a plugin waits after `ready` for its first channel before it exits.
pub const CHANNEL_DEADLINE: Duration = Duration::from_secs(30);
/// How long requests in flight may take to finish once a plugin is told to stop.
pub const DRAIN: Duration = Duration::from_secs(10);
/// Longest path of a Unix socket, in bytes, without its terminating NUL.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const SOCKET_PATH_BYTES: usize = 107;
/// Longest path of a Unix socket, in bytes, without its terminating NUL.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const SOCKET_PATH_BYTES: usize = 103;
/// Permission bits of the socket file.
pub const SOCKET_MODE: u32 = 0o600;
/// How long a plugin waits for the answer to a call, by default.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a plugin waits for `generate_ai`, which may take a host 60 s.
pub const GENERATE_AI_TIMEOUT: Duration = Duration::from_secs(65);
