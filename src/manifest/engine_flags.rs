//! vLLM's arguments as its own parser reads them: `--flag value`, `--flag=value`, short names, `_`
//! for `-`, and of a flag given twice the last.

use std::collections::BTreeMap;

/// Short names of flags.
const SHORT: [(&str, &str); 4] = [
    ("-tp", "--tensor-parallel-size"),
    ("-pp", "--pipeline-parallel-size"),
    ("-dp", "--data-parallel-size"),
    ("-q", "--quantization"),
];

/// An argument list, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EngineFlags<'a> {
    /// What stands before the first flag: the model.
    pub(super) model: Option<&'a str>,
    flags: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> EngineFlags<'a> {
    pub(super) fn of(args: &'a [String]) -> Self {
        let mut read = Self::default();
        let mut current: Option<String> = None;
        for arg in args {
            if is_flag(arg) {
                let (name, value) = match arg.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (arg.as_str(), None),
                };
                let name = long_name(name);
                read.flags.insert(name.clone(), value.into_iter().collect());
                current = value.is_none().then_some(name);
            } else if let Some(values) = current.as_ref().and_then(|name| read.flags.get_mut(name))
            {
                values.push(arg);
            } else if read.model.is_none() && read.flags.is_empty() {
                read.model = Some(arg);
            }
        }
        read
    }

    /// The value of a flag by its long name: the first of several, empty where it has none.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let values = self.flags.get(name)?;
        Some(values.first().copied().unwrap_or_default())
    }

    /// Every flag by its long name, with its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.flags.keys().map(|name| {
            let value = self.get(name).unwrap_or_default();
            (name.as_str(), value)
        })
    }
}

/// Negative numbers are values.
fn is_flag(arg: &str) -> bool {
    arg.len() > 1 && arg.starts_with('-') && arg.parse::<f64>().is_err()
}

fn long_name(name: &str) -> String {
    match SHORT.iter().find(|(short, _)| *short == name) {
        Some((_, long)) => (*long).to_owned(),
        None => name.replace('_', "-"),
    }
}

/// A whole number as vLLM takes them for lengths: `4096`, `4k` (4,000) or `4K` (4,096).
pub(super) fn human_readable(value: &str) -> Option<i64> {
    let (number, factor) = match value.char_indices().next_back()? {
        (end, 'k') => (&value[..end], 1_000),
        (end, 'K') => (&value[..end], 1 << 10),
        (end, 'm') => (&value[..end], 1_000_000),
        (end, 'M') => (&value[..end], 1 << 20),
        _ => (value, 1),
    };
    if let Ok(number) = number.parse::<i64>() {
        return number.checked_mul(factor);
    }
    // vLLM takes decimals before the decimal units only, and rounds down.
    let decimal = number.parse::<f64>().ok().filter(|it| it.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "a float saturates")]
    (factor > 1).then_some((decimal * factor as f64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_form_of_a_flag_is_read() {
        for form in [
            "--tensor-parallel-size=4",
            "--tensor-parallel-size 4",
            "--tensor_parallel_size 4",
            "-tp 4",
            "-tp=4",
            "--tensor-parallel-size=2 -tp 4",
        ] {
            let args = args(&format!("a/b --enforce-eager {form} --port=1"));
            let flags = EngineFlags::of(&args);
            assert_eq!(flags.get("--tensor-parallel-size"), Some("4"), "{form}");
            assert_eq!(flags.get("--enforce-eager"), Some(""));
            assert_eq!(flags.model, Some("a/b"));
        }
        let args = args("a --served-model-name x y --max-model-len -1");
        let flags = EngineFlags::of(&args);
        assert_eq!(flags.get("--max-model-len"), Some("-1"));
        assert_eq!(flags.get("--served-model-name"), Some("x"));
        assert_eq!(EngineFlags::of(&[]), EngineFlags::default());
    }

    #[test]
    fn lengths_may_have_units() {
        for (text, number) in [
            ("4096", Some(4096)),
            ("4k", Some(4000)),
            ("4K", Some(4096)),
            ("1M", Some(1 << 20)),
            ("25.6k", Some(25_600)),
            ("-1", Some(-1)),
            ("auto", None),
            ("", None),
            ("k", None),
            ("NaNk", None),
            ("1.5", None),
            ("9223372036854775807k", None),
        ] {
            assert_eq!(human_readable(text), number, "{text:?}");
        }
    }
}
