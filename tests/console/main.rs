//! The console as a browser meets it: over HTTP, and in a real Chromium.

mod answers;
mod browser;
#[path = "../shared/chromium.rs"]
mod chromium;
#[path = "../shared/pictures.rs"]
mod pictures;
mod safety;
mod support;
mod upload;
