//! The arguments of an engine's command line: those that Compass knows by name, and a digest of the
//! others that change what a replica can serve.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Say where and as whom an engine serves, not how fast.
const IRRELEVANT: [&str; 12] = [
    "model",
    "served-model-name",
    "host",
    "port",
    "api-key",
    "download-dir",
    "hf-token",
    "revision",
    "uvicorn-log-level",
    "disable-log-requests",
    "no-enable-log-requests",
    "disable-uvicorn-access-log",
];

/// Arguments by name, without dashes before it; a switch has the value `true`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineArgs(BTreeMap<String, String>);

impl EngineArgs {
    /// From names and values as a file lists them.
    pub fn of(arguments: impl IntoIterator<Item = (String, String)>) -> Self {
        let named = |(name, value): (String, String)| {
            (name.trim_start_matches('-').replace('_', "-"), value)
        };
        Self(arguments.into_iter().map(named).collect())
    }

    /// From a command line such as `--max-num-seqs 64 --enforce-eager`.
    ///
    /// # Errors
    /// Names a word that belongs to no argument.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut arguments = Vec::new();
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--").filter(|name| !name.is_empty()) else {
                return Err(format!(
                    "`{word}` belongs to no argument; expected --name [value]"
                ));
            };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (
                    name,
                    words
                        .next_if(|next| !next.starts_with("--"))
                        .unwrap_or("true")
                        .to_owned(),
                ),
            };
            arguments.push((name.to_owned(), value));
        }
        Ok(Self::of(arguments))
    }

    /// Takes an argument out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a count out.
    pub fn take_count(&mut self, name: &str) -> Option<i32> {
        let count = self.0.get(name)?.parse().ok()?;
        self.0.remove(name);
        Some(count)
    }

    /// SHA-256, as hexadecimal digits, of what is left and matters; `none` where nothing is.
    pub fn digest(mut self) -> String {
        self.0
            .retain(|name, _| !IRRELEVANT.contains(&name.as_str()));
        if self.0.is_empty() {
            return "none".to_owned();
        }
        let mut digest = Sha256::new();
        for (name, value) in &self.0 {
            digest.update(format!("{}={}\0", name, value.trim()));
        }
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_what_matters_and_not_on_its_order() {
        let digest = |line| EngineArgs::parse(line).unwrap().digest();
        assert_eq!(
            digest("--enforce-eager --gpu-memory-utilization 0.95"),
            digest("--port 80 --gpu_memory_utilization=0.95 --enforce-eager")
        );
        assert_ne!(digest("--enforce-eager"), digest("--enforce-eager false"));
        assert_eq!(digest("--model x --port 8000"), "none");
        assert!(EngineArgs::parse("enforce-eager").is_err());
    }

    #[test]
    fn known_arguments_are_taken_out() {
        let mut args = EngineArgs::parse("--max-num-seqs 64 --kv-cache-dtype fp8").unwrap();
        assert_eq!(args.take_count("max-num-seqs"), Some(64));
        assert_eq!(args.take("kv-cache-dtype").as_deref(), Some("fp8"));
        assert_eq!(args.digest(), "none");
    }
}
