//! temps-plugin-conformance
