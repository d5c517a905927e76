//! The console as a browser meets it: over HTTP, and in a real Chromium.

mod answers;
mod browser;
mod chromium;
mod safety;
mod support;
mod upload;
