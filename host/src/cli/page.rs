//! The first page, and signing in by it.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderName, StatusCode};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use temps_plugin_host::{Authenticator as _, DevelopmentLogin, Identity, PluginHost};
use temps_plugin_schema::http::Role;

#[derive(Clone)]
pub(super) struct Console {
    pub(super) host: PluginHost,
    pub(super) login: DevelopmentLogin,
}

impl Console {
    pub(super) fn router(self) -> Router {
        Router::new().route("/", get(first)).route("/login", get(sign_in)).with_state(self)
    }
}

#[derive(Deserialize)]
struct SignIn {
    token: Option<String>,
    #[serde(default = "administrator", rename = "as")]
    role: String,
}

fn administrator() -> String {
    Role::Admin.as_str().to_owned()
}

/// Signs in with the token in the link, or, for who is signed in already, in another role.
async fn sign_in(
    State(console): State<Console>,
    Query(asked): Query<SignIn>,
    parts: Parts,
) -> Response {
    let role = Role::from(asked.role.as_str());
    if !role.is_known() {
        let known = Role::KNOWN.join(", ");
        let told = format!("{:?} is no role: allowed are {known}", asked.role);
        return (StatusCode::BAD_REQUEST, told).into_response();
    }
    let signed_in = console.login.authenticate(&parts).await.is_ok_and(|caller| caller.is_some());
    let token = match asked.token {
        Some(token) => token,
        None if signed_in => console.login.token().expose().to_owned(),
        None => String::new(),
    };
    match console.login.session(&token, &role) {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(error) => (StatusCode::FORBIDDEN, error.to_string()).into_response(),
    }
}

async fn first(State(console): State<Console>, parts: Parts) -> Response {
    let caller = console.login.authenticate(&parts).await.ok().flatten();
    let page = match caller {
        Some(caller) => page(&console.host, &caller),
        None => page_for_nobody(),
    };
    const HEADERS: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
        (CACHE_CONTROL, "no-store"),
    ];
    (HEADERS, page.into_string()).into_response()
}

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; vertical-align: top; border-bottom: 1px solid #8884; }
.why { opacity: .75; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { display: block; padding: .6rem 0; border-bottom: 1px solid #8884; }
  td { display: block; padding: 0; border: 0; overflow-wrap: anywhere; }
}
";

fn frame(content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Temps plugins" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body { h1 { "Temps plugins" } (content) }
        }
    }
}

fn page_for_nobody() -> Markup {
    frame(html! {
        p { "You are not signed in. Open the link that " code { "temps-plugin-host serve" } " has printed." }
    })
}

fn page(host: &PluginHost, caller: &Identity) -> Markup {
    frame(html! {
        p {
            "You are " strong { (caller.email) } ". Be "
            @for role in Role::KNOWN { a href={ "/login?as=" (role) } { (role) } " " }
            "instead, or look at the " a href="/api/x/_docs/" { "API" } "."
        }
        table {
            thead { tr { th { "Plugin" } th { "State" } th { "Why" } th { "Pages" } } }
            tbody {
                @for plugin in host.plugins() {
                    @let status = plugin.status();
                    @let manifest = plugin.manifest();
                    tr {
                        td {
                            @match &manifest {
                                Some(manifest) => {
                                    (manifest.display_name.as_deref().unwrap_or(&manifest.name))
                                    " " (manifest.version)
                                }
                                None => (plugin.path().display()),
                            }
                        }
                        td { (status.state) }
                        td.why { (status.reason.lines().next().unwrap_or_default()) }
                        td {
                            @if let (Some(manifest), Some(running)) = (&manifest, plugin.running()) {
                                @if running.ready().has_ui {
                                    a href={ "/api/x/" (manifest.name) "/ui/" } { "UI" }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if host.plugins().is_empty() {
            p { "Put plugins into " code { (host.directory().path().display()) } ", then reload." }
        }
    })
}
