//! temps-plugin-sdk
