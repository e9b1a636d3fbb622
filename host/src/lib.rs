//! temps-plugin-host
