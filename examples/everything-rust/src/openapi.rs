//! The `OpenAPI` document of the routes a person may want to try.

use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder};
use utoipa::openapi::{
    InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, ResponseBuilder,
};

const ROUTES: [(&str, HttpMethod, &str); 8] = [
    ("/whoami", HttpMethod::Get, "Who the host says you are"),
    ("/private", HttpMethod::Get, "The same, for signed-in callers only"),
    ("/public/hello", HttpMethod::Get, "Within reach without signing in"),
    ("/context", HttpMethod::Get, "How this plugin was started"),
    ("/events", HttpMethod::Get, "The events received so far"),
    ("/call", HttpMethod::Post, "Makes a call over the channel"),
    ("/api", HttpMethod::Post, "Makes a call to the platform's API in your name"),
    ("/print", HttpMethod::Post, "Prints to standard output"),
];

/// More than a `ready` line can hold.
const TOO_MUCH: usize = 2 * 1024 * 1024;

/// The document; with `large`, one that does not fit its line.
pub(crate) fn document(large: bool) -> OpenApi {
    let mut paths = PathsBuilder::new();
    for (path, method, summary) in ROUTES {
        paths = paths.path(path, PathItem::new(method, operation(summary)));
    }
    let mut info = InfoBuilder::new().title("everything-rust").version(env!("CARGO_PKG_VERSION"));
    if large {
        info = info.description(Some("x".repeat(TOO_MUCH)));
    }
    OpenApiBuilder::new().info(info.build()).paths(paths).build()
}

fn operation(summary: &str) -> Operation {
    let ok = ResponseBuilder::new().description("Done").build();
    OperationBuilder::new().summary(Some(summary)).response("200", ok).build()
}
