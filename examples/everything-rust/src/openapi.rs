//! The `OpenAPI` document of the routes a person may want to try.

use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{
    Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, ResponseBuilder,
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
        paths = paths.path(path, PathItem::new(method, operation(path, summary)));
    }
    let mut info = InfoBuilder::new().title("everything-rust").version(env!("CARGO_PKG_VERSION"));
    if large {
        info = info.description(Some("x".repeat(TOO_MUCH)));
    }
    OpenApiBuilder::new().info(info.build()).paths(paths).build()
}

fn operation(path: &str, summary: &str) -> Operation {
    let mut ok = ResponseBuilder::new().description("Done");
    if path == "/public/hello" {
        ok = ok.content("application/json", Content::new(Some(greeting())));
    }
    let mut operation = OperationBuilder::new().summary(Some(summary)).response("200", ok.build());
    if path == "/private" {
        let nobody = ResponseBuilder::new().description("Nobody is signed in").build();
        operation = operation.response("401", nobody);
    }
    operation.build()
}

fn greeting() -> Object {
    ObjectBuilder::new()
        .property("hello", ObjectBuilder::new().schema_type(Type::String))
        .required("hello")
        .build()
}
