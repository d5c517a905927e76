//! The control plane's programs, built from Go modules into a cache outside the clone.
//!
//! Their versions stand in `tools/<name>/go.mod`. A change of a pin or of a build flag changes the
//! name of the cache's folder, so it builds anew, and clones with the same pins share one build.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};

use crate::interrupt;
use crate::process::Program;

struct Module {
    name: &'static str,
    programs: &'static [&'static str],
    /// Build tags; empty where there are none.
    tags: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
}

macro_rules! module {
    ($name:literal, $programs:expr) => {
        module!($name, $programs, "")
    };
    ($name:literal, $programs:expr, $tags:literal) => {
        Module {
            name: $name,
            programs: &$programs,
            tags: $tags,
            go_mod: include_str!(concat!("../tools/", $name, "/go.mod")),
            go_sum: include_str!(concat!("../tools/", $name, "/go.sum")),
        }
    };
}

/// Modules of their own, because their dependencies disagree.
const MODULES: [Module; 6] = [
    module!(
        "control-plane",
        [
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubectl"
        ]
    ),
    module!("etcd", ["etcd"]),
    module!("kwok", ["kwok"]),
    module!("helm", ["helm"]),
    module!("checks", ["actionlint", "kubeconform"]),
    // Without the clouds' ways to find what to scrape, which take as long to build as all the rest.
    module!("prometheus", ["prometheus", "promtool"], "remove_all_sd"),
];

/// The programs that `KUBEBUILDER_ASSETS`, the field's convention, names a folder of.
const KUBEBUILDER_ASSETS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// All programs that [`program`] knows.
pub fn programs() -> impl Iterator<Item = &'static str> {
    MODULES.iter().flat_map(|module| module.programs).copied()
}

/// The path of a program, built first if it is missing, which takes minutes and is told on standard
/// error.
pub fn program(name: &str) -> Result<PathBuf> {
    if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS")
        && KUBEBUILDER_ASSETS.contains(&name)
    {
        let path = Path::new(&assets).join(name);
        if !path.is_file() {
            bail!(
                "KUBEBUILDER_ASSETS is set, but there is no {}: unset it, or put {name} there",
                path.display()
            );
        }
        return Ok(path);
    }
    let module = MODULES
        .iter()
        .find(|module| module.programs.contains(&name));
    let module =
        module.ok_or_else(|| anyhow!("no module of the testbed makes a program {name}"))?;
    Ok(module.built()?.join(name))
}

/// The folder of everything built or fetched: `COMPASS_TOOLS_DIR`, or `compass/tools` in the user's
/// cache.
pub fn cache() -> Result<PathBuf> {
    if let Some(directory) = std::env::var_os("COMPASS_TOOLS_DIR") {
        return std::path::absolute(directory).context("COMPASS_TOOLS_DIR is no usable path");
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let cache =
        cache.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    Ok(cache
        .context("neither COMPASS_TOOLS_DIR nor XDG_CACHE_HOME nor HOME is set")?
        .join("compass/tools"))
}

/// Makes `directory` by running `make` on an empty folder beside it, once, also when several
/// processes ask at the same time.
pub(crate) fn make_once(directory: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if directory.exists() {
        return Ok(());
    }
    let parent = directory
        .parent()
        .context("the cache has no parent folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let lock = File::create(directory.with_added_extension("lock"))
        .with_context(|| format!("cannot write in {}", parent.display()))?;
    if lock.try_lock().is_err() {
        eprintln!(
            "waiting for another process that makes {}",
            directory.display()
        );
        while lock.try_lock().is_err() {
            interrupt::check()?;
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    if directory.exists() {
        return Ok(());
    }
    let unfinished = directory.with_added_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)
            .with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    fs::create_dir(&unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
    make(&unfinished)?;
    fs::rename(&unfinished, directory)
        .with_context(|| format!("cannot make {}", directory.display()))
}

impl Module {
    fn built(&self) -> Result<PathBuf> {
        let directory = cache()?
            .join(format!("{}-{}", self.name, self.digest()))
            .join("bin");
        make_once(&directory, |unfinished| self.build(unfinished))?;
        Ok(directory)
    }

    fn build(&self, bin: &Path) -> Result<()> {
        let go = which("go").context(
            "the control plane is built with Go 1.26 or newer: install it from https://go.dev/dl, \
             or with your distribution's packages",
        )?;
        let programs = self.programs.join(", ");
        eprintln!("building {programs} (once; a whole control plane takes some minutes)");
        let start = Instant::now();
        let source = tempfile::tempdir()?;
        fs::write(source.path().join("go.mod"), self.go_mod)?;
        fs::write(source.path().join("go.sum"), self.go_sum)?;
        Program::new(go)
            .args(["build", "-o"])
            .arg(self.output(bin))
            .args(self.flags())
            .arg("tool")
            .current_dir(source.path())
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .output()
            .with_context(|| format!("cannot build {programs}"))?;
        eprintln!("built {programs} in {:.0} s", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Go names a lone program after its package, which is not always the program's name.
    fn output(&self, bin: &Path) -> PathBuf {
        match self.programs {
            [program] => bin.join(program),
            _ => bin.join(""),
        }
    }

    fn flags(&self) -> Vec<String> {
        let mut link = String::from("-s -w");
        if let Some(version) = self.kubernetes_version() {
            // Without it the server calls itself v0.0.0, and clients that look at the version fail.
            let mut numbers = version.split('.');
            let (major, minor) = (
                numbers.next().unwrap_or_default(),
                numbers.next().unwrap_or_default(),
            );
            for (name, value) in [
                ("gitVersion", format!("v{version}")),
                ("gitMajor", major.into()),
                ("gitMinor", minor.into()),
            ] {
                link += &format!(" -X k8s.io/component-base/version.{name}={value}");
            }
        }
        let mut flags = vec!["-mod=readonly", "-trimpath", "-buildvcs=false"];
        if !self.tags.is_empty() {
            flags.extend(["-tags", self.tags]);
        }
        flags.extend(["-ldflags", &link]);
        flags.into_iter().map(String::from).collect()
    }

    fn kubernetes_version(&self) -> Option<&'static str> {
        let pin = self
            .go_mod
            .lines()
            .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v"))?;
        pin.split_whitespace().next()
    }

    /// Short, yet no two pins will ever share it.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [
            std::env::consts::OS,
            std::env::consts::ARCH,
            self.go_mod,
            self.go_sum,
            &self.flags().join(" "),
        ] {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize()
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The path of a program on PATH, links resolved.
pub fn which(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file());
    let found = found.ok_or_else(|| anyhow!("there is no {program} on PATH"))?;
    found
        .canonicalize()
        .with_context(|| format!("cannot resolve {}", found.display()))
}

/// Root's home is closed to the account that runs PostgreSQL, so root keeps its servers elsewhere.
pub(crate) fn cache_for_postgres() -> Result<PathBuf> {
    if geteuid().is_root() && std::env::var_os("COMPASS_TOOLS_DIR").is_none() {
        return Ok(PathBuf::from("/var/cache/compass/tools"));
    }
    cache()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_kubernetes_is_read_from_its_pin() {
        let versions: Vec<_> = MODULES
            .iter()
            .filter_map(|module| Some((module.name, module.kubernetes_version()?)))
            .collect();
        assert_eq!(versions, [("control-plane", "1.36.3")]);
    }

    #[test]
    fn two_askers_make_a_folder_once() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("made");
        let made = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    make_once(&directory, |unfinished| {
                        made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(100));
                        Ok(fs::write(unfinished.join("program"), "")?)
                    })
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
        assert!(directory.join("program").exists());
    }

    #[test]
    fn a_failed_attempt_leaves_nothing_in_place() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("made");
        make_once(&directory, |_| bail!("no network")).unwrap_err();
        assert!(!directory.exists());
        make_once(&directory, |_| Ok(())).unwrap();
        assert!(directory.exists());
    }
}
