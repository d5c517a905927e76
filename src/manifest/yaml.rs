//! Kubernetes objects as YAML that every reader takes for the same thing, those of YAML 1.1 (such
//! as kubectl) included.

use serde::Serialize;

/// One object as a YAML document, with a line break at its end.
pub(super) fn document<T: Serialize>(object: &T) -> String {
    // Texts of several lines keep them.
    let yaml = written(object, true);
    if a_block_begins_with_a_tab(&yaml) {
        written(object, false)
    } else {
        yaml
    }
}

fn written<T: Serialize>(object: &T, with_blocks: bool) -> String {
    // Long lines are not folded: a diff would then show more than has changed.
    let options = serde_saphyr::ser_options! {
        prefer_block_scalars: with_blocks,
        folded_wrap_chars: usize::MAX,
    };
    serde_saphyr::to_string_with_options(object, options)
        .expect("objects of strings, numbers, lists and maps with string keys can be written")
}

/// Readers of YAML 1.1 find out how far a block is indented by its first line, and refuse a tab there.
fn a_block_begins_with_a_tab(yaml: &str) -> bool {
    let mut follows_a_header = false;
    yaml.lines().any(|line| {
        let text = line.trim_start_matches(' ');
        if text.is_empty() {
            return false;
        }
        let header = text.trim_end_matches(['-', '+']);
        std::mem::replace(&mut follows_a_header, header.ends_with('|')) && text.starts_with('\t')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::manifest::test_support::{AMBIGUOUS, parse, treacherous};

    /// kubectl and many others read YAML 1.1, where these words, bare, are no strings.
    #[test]
    fn words_that_yaml_1_1_takes_for_something_else_are_quoted() {
        for word in AMBIGUOUS.split(' ') {
            for yaml in [
                document(&json!({"key": word})),
                document(&json!({word: "value"})),
                document(&json!([word])),
            ] {
                let quoted = [format!("'{word}'"), format!("\"{word}\"")];
                assert!(quoted.iter().any(|quoted| yaml.contains(quoted)), "{yaml}");
            }
        }
    }

    #[test]
    fn a_text_that_begins_with_a_tab_is_no_block() {
        for text in ["\ta\nb", "\ta:\n", "\n\n\ta\n", "\t\n\n"] {
            let object = json!({"list": [{"text": text}], "other": "a\n\tb\n"});
            let yaml = document(&object);
            assert_eq!(parse(&yaml), vec![object], "{yaml}");
        }
        let usual = document(&json!({"text": "a\n\tb\n"}));
        assert_eq!(usual, "text: |\n  a\n  \tb\n");
    }

    proptest! {
        #[test]
        fn every_string_comes_back_as_the_same_string(
            texts in prop::collection::vec(treacherous(), 1..8),
        ) {
            let object = json!({
                "list": texts,
                "nested": [{"text": texts[0]}],
                "key": {texts[0].as_str(): null},
            });
            let yaml = [document(&object), document(&object)].join("---\n");
            prop_assert_eq!(parse(&yaml), vec![object.clone(), object], "{}", yaml);
        }
    }
}
