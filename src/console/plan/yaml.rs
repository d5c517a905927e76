//! The intent and its manifests as YAML, to read, copy and download.

use maud::{Markup, html};

use crate::api::DeploymentIntent;

/// An intent as a file, to be given to `kubectl apply` and `compass render`.
pub(super) fn intent(intent: &DeploymentIntent) -> String {
    serde_saphyr::to_string(intent).expect("an intent is plain data")
}

/// A text with buttons to copy it and to download it from `address`.
pub(super) fn file(yaml: &str, address: &str, about: &Markup) -> Markup {
    html! {
        div.file {
            div.bar {
                p { (about) }
                button.scripted type="button" data-copy="yaml" { "Copy" }
                a.button href=(address) download { "Download" }
            }
            pre #yaml tabindex="0" aria-label="YAML" { code { (yaml) } }
        }
    }
}
