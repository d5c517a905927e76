//! Which vLLM image runs: the version that was benchmarked, from the operator's repository.

use super::Settings;
use crate::catalog::Vendor;

/// An image and, where its tag says it, the vLLM version inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) reference: String,
    pub(super) version: Option<VllmVersion>,
}

/// A released version, e.g. 0.11.0 or 0.6.3.post1; ordered by its first two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VllmVersion {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Image {
    /// The intent's image, else the operator's repository at the recorded version, else at its
    /// default tag. A row's own image is never run: who may write benchmarks must not run code.
    pub(super) fn choose(
        given: Option<&str>,
        framework_version: Option<&str>,
        vendor: Vendor,
        settings: &Settings,
    ) -> Self {
        if let Some(reference) = given {
            return Self {
                reference: reference.to_owned(),
                version: version_of_tag(reference),
            };
        }
        let default = &settings.default_vllm_version;
        let tag = framework_version
            .and_then(release_tag)
            .or_else(|| release_tag(default))
            .unwrap_or_else(|| default.clone());
        let variant = match vendor {
            Vendor::Nvidia => "",
            Vendor::Amd => "-rocm",
        };
        Self {
            version: released(&tag),
            reference: format!("{}{variant}:{tag}", settings.vllm_repository),
        }
    }
}

/// The release in `repository:v1.2.3`, without its `v`.
pub(super) fn release_of_tag(reference: &str) -> Option<&str> {
    let tag = tag(reference)?;
    released(tag).map(|_| without_prefix(tag))
}

/// A version without its `v`.
pub(super) fn without_prefix(version: &str) -> &str {
    version.strip_prefix('v').unwrap_or(version)
}

fn tag(reference: &str) -> Option<&str> {
    let named = reference.split('@').next()?;
    named.rsplit_once(':').map(|(_, tag)| tag)
}

/// The version in `repository:v1.2.3`, also before a digest.
fn version_of_tag(reference: &str) -> Option<VllmVersion> {
    tag(reference).and_then(released)
}

/// The tag of a release: `v` and its version.
fn release_tag(version: &str) -> Option<String> {
    released(version).map(|_| format!("v{}", without_prefix(version)))
}

/// Three or four numbers, and a post-release at most: what a release is tagged with. Anything
/// else, such as a development build, has no image of its name.
fn released(version: &str) -> Option<VllmVersion> {
    let version = without_prefix(version);
    let numbers = match version.split_once(".post") {
        None => version,
        Some((numbers, post)) => number(post).map(|_| numbers)?,
    };
    let numbers: Vec<u32> = numbers.split('.').map(number).collect::<Option<_>>()?;
    match numbers[..] {
        [major, minor, _] | [major, minor, _, _] => Some(VllmVersion { major, minor }),
        _ => None,
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(version: Option<&str>) -> String {
        Image::choose(None, version, Vendor::Nvidia, &Settings::default()).reference
    }

    #[test]
    fn the_benchmarked_release_runs() {
        assert_eq!(reference(Some("0.11.0")), "vllm/vllm-openai:v0.11.0");
        assert_eq!(reference(Some("v0.10.1.1")), "vllm/vllm-openai:v0.10.1.1");
        assert_eq!(
            reference(Some("0.6.3.post1")),
            "vllm/vllm-openai:v0.6.3.post1"
        );
    }

    #[test]
    fn whatever_is_no_release_gives_the_default() {
        for version in [
            "",
            "latest",
            "0.11",
            "0.11.0rc1",
            "0.11.0.dev5+g1a2b",
            "0.11.0@sha256:00",
            "0.11.0\n",
            "0.11.0/../evil",
            "0.11.0:evil",
            "0.11.0.post",
            "99999.0.0",
            "0..0",
            "vv0.1.0",
            "1.2.3.4.5",
            "٣.١.٤",
        ] {
            assert_eq!(
                reference(Some(version)),
                "vllm/vllm-openai:v0.32.0",
                "{version:?}"
            );
        }
        assert_eq!(reference(None), "vllm/vllm-openai:v0.32.0");
    }

    #[test]
    fn the_default_may_be_a_version_or_any_tag() {
        let default = |tag: &str| {
            let settings = Settings {
                default_vllm_version: tag.into(),
                ..Settings::default()
            };
            Image::choose(None, None, Vendor::Nvidia, &settings).reference
        };
        assert_eq!(default("0.31.0"), "vllm/vllm-openai:v0.31.0");
        assert_eq!(default("v0.31.0"), "vllm/vllm-openai:v0.31.0");
        assert_eq!(default("v0.31.0-cu130"), "vllm/vllm-openai:v0.31.0-cu130");
    }

    #[test]
    fn amd_gpus_run_the_rocm_build() {
        let image = Image::choose(None, Some("0.20.0"), Vendor::Amd, &Settings::default());
        assert_eq!(image.reference, "vllm/vllm-openai-rocm:v0.20.0");
    }

    #[test]
    fn an_image_of_ones_own_says_its_version_by_its_tag() {
        let version = |given| {
            Image::choose(
                Some(given),
                Some("0.9.0"),
                Vendor::Nvidia,
                &Settings::default(),
            )
            .version
        };
        let v0_20 = Some(VllmVersion {
            major: 0,
            minor: 20,
        });
        assert_eq!(version("registry:5000/vllm:v0.20.1"), v0_20);
        assert_eq!(version("registry/vllm:0.20.1@sha256:abc"), v0_20);
        assert_eq!(version("registry:5000/vllm"), None);
        assert_eq!(version("vllm:nightly"), None);
    }
}
