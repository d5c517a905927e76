//! The pictures of docs/console.md, made by tests so that they cannot go stale.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::chromium::{Browser, Looks};

/// A picture.
pub struct Shot {
    pub name: &'static str,
    pub address: String,
    /// The HTML at the address.
    pub page: String,
    pub dark: bool,
    pub width: u32,
    pub height: u32,
    /// Runs before the picture is taken.
    pub script: &'static str,
}

/// `COMPASS_UPDATE_SCREENSHOTS=1` keeps what is seen in docs/console/, and in the file `kept` there what
/// it was made from. A page or a style that has changed since then fails here. `test` is the name of
/// the test, `open` is done in each browser first.
pub fn hold(kept: &str, test: &str, shots: &[Shot], open: impl Fn(&Browser)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("docs/console");
    let kept = folder.join(format!("{kept}.txt"));
    let made_from = shots
        .iter()
        .map(|it| format!("{} {}\n", it.name, digest(&it.page)));
    let made_from: String = made_from.collect();
    if std::env::var_os("COMPASS_UPDATE_SCREENSHOTS").is_some() {
        for shot in shots {
            let browser = Browser::open(&Looks {
                width: shot.width,
                height: shot.height,
                dark: shot.dark,
                ..Looks::default()
            });
            open(&browser);
            browser.go(&shot.address);
            browser.run(shot.script);
            let picture = folder.join(format!("{}.png", shot.name));
            fs::write(picture, browser.screenshot()).unwrap();
        }
        fs::write(&kept, &made_from).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&kept).unwrap_or_default(),
        made_from,
        "the screenshots are old: COMPASS_UPDATE_SCREENSHOTS=1 cargo test --workspace --test {test} screenshots"
    );
    let page = fs::read_to_string(root.join("docs/console.md")).unwrap();
    for Shot { name, .. } in shots {
        assert!(folder.join(format!("{name}.png")).is_file(), "{name}");
        assert!(
            page.contains(&format!("console/{name}.png")),
            "docs/console.md does not show {name}"
        );
    }
}

/// Of a page without what is another on another day or in another database. The addresses in it say
/// which style sheet it has.
fn digest(page: &str) -> String {
    let (before, rest) = page
        .split_once("<ul class=\"events\">")
        .unwrap_or((page, ""));
    let after = rest.split_once("</ul>").map_or("", |(_, after)| after);
    let page = format!("{before}{after}");
    let words = page.split_inclusive(['>', '(', ')']);
    let lasting = words.filter(|word| {
        !word.ends_with(" old)") && !word.contains("today)") && !word.contains("</p>")
    });
    let lasting = lasting.filter(|word| !word.ends_with("</time>"));
    let mut hash = Sha256::new();
    for word in lasting {
        hash.update(word);
    }
    let digest = hash.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
