//! Who sent a request, as JavaScript sees it.

use napi_derive::napi;
use temps_plugin_sdk::VerifiedCaller;

/// A signed-in caller whom the platform has vouched for.
#[napi]
pub struct NativeCaller(pub(crate) VerifiedCaller);

#[napi]
impl NativeCaller {
    /// The user's id on the platform.
    #[napi(getter)]
    pub fn user_id(&self) -> &str {
        self.0.user_id()
    }

    /// The user's mail address.
    #[napi(getter)]
    pub fn email(&self) -> &str {
        self.0.email()
    }

    /// The user's role: `admin`, `platform_admin`, `user`, `reader`, …
    #[napi(getter)]
    pub fn role(&self) -> &str {
        self.0.role().as_str()
    }

    /// The user's permissions, such as `projects:read`.
    #[napi(getter)]
    pub fn permissions(&self) -> Vec<String> {
        self.0.permissions().to_vec()
    }

    /// Whether the user administers the platform.
    #[napi(getter)]
    pub fn is_admin(&self) -> bool {
        self.0.is_admin()
    }

    /// Whether the user has exactly this permission.
    #[napi]
    pub fn has_permission(&self, permission: String) -> bool {
        self.0.has_permission(&permission)
    }
}
