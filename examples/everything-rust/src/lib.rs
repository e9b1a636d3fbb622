//! everything-rust
