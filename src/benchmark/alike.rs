//! The known name that somebody may have meant.

/// A name less alike than this is another one.
const ALIKE: f64 = 0.8;

/// The known name that is most like `name`, if one is alike. Of a model the part behind the
/// organisation counts as well, since that is what people remember.
pub fn most_alike<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let alike = |known: &str| {
        let known = known.to_lowercase();
        let whole = strsim::jaro_winkler(&lower, &known);
        whole.max(strsim::jaro_winkler(own_part(&lower), own_part(&known)))
    };
    known
        .into_iter()
        .map(|known| (alike(known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn own_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_told() {
        let known = ["H100", "H200", "MI300X", "Qwen/Qwen3-32B", "Qwen/Qwen3-8B"];
        let alike = |name| most_alike(name, known);
        assert_eq!(alike("Qwen/Qwen-3-32B"), Some("Qwen/Qwen3-32B"));
        assert_eq!(alike("qwen3-32b"), Some("Qwen/Qwen3-32B"));
        assert_eq!(alike("MI300"), Some("MI300X"));
        assert_eq!(alike("TPU-v5e"), None);
    }
}
