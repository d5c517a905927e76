//! `compass diff`: what runs of an intent, or was delivered of it, against what the evidence of now
//! gives.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt};
use similar::{ChangeTag, TextDiff};

use super::cluster::{Cluster, ClusterArguments};
use super::evidence::EvidenceArguments;
use super::exit::{DIFF_FAILED, DIFFERS, NOTHING_COMPLIES};
use super::output::{show, tell, tell_error};
use super::style::{BAD, GOOD, HEADLINE, styled};
use super::{CatalogArguments, VllmArguments, report};
use crate::advise::{Question, advise};
use crate::api::{DeliveryMode, DeploymentIntent};
use crate::controller::{Asker, Change, Preview, Unknown, look, preview};
use crate::manifest::{Built, MANIFESTS_KEY, Manifests, Object};

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// Arguments of `compass diff`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The intent
    #[arg(value_name = "NAME")]
    name: String,
    /// Compare with the manifests in the intent's ConfigMap, which were delivered last, and not with
    /// live objects; so it is in modes Recommend and Render
    #[arg(long)]
    delivered: bool,
    #[command(flatten)]
    vllm: VllmArguments,
    #[command(flatten)]
    evidence: EvidenceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// As `kubectl diff`, 1 says that something differs, so that an error is something else.
pub(super) async fn run(arguments: Arguments) -> ExitCode {
    compare(arguments).await.unwrap_or_else(|error| {
        tell_error(&error);
        ExitCode::from(DIFF_FAILED)
    })
}

async fn compare(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let evidence = arguments.evidence.open(&catalog)?;
    let cluster = arguments.cluster.connect().await?;
    let intent = cluster.intent(&arguments.name).await?;
    let hardware = intent.spec.hardware.as_ref();
    let room = if hardware.is_some_and(|hardware| hardware.available_only) {
        let asker = Asker {
            namespace: &cluster.namespace,
            intent: &arguments.name,
            runtime: intent.spec.runtime.as_ref(),
        };
        let room = look(&cluster.client, Arc::clone(&catalog), asker).await?;
        Some(Arc::new(room))
    } else {
        None
    };
    let question = Question {
        name: &arguments.name,
        namespace: &cluster.namespace,
        spec: &intent.spec,
        availability: room.as_ref(),
    };
    let settings = arguments.vllm.settings();
    let advice = advise(
        question,
        &evidence.source,
        &catalog,
        &settings,
        evidence.now,
    )
    .await?;
    let Some(manifests) = advice.manifests else {
        tell(&report::recommendation(&advice.decision, &catalog));
        return Ok(ExitCode::from(NOTHING_COMPLIES));
    };
    let manifests = manifests?;
    if !arguments.delivered && intent.spec.delivery.mode == DeliveryMode::Apply {
        return Ok(with_live(&cluster, &intent, &manifests).await);
    }
    let delivered = delivered(&cluster, &intent).await?;
    let rendered = manifests.yaml();
    if delivered == rendered {
        return Ok(ExitCode::SUCCESS);
    }
    let names = [
        format!("{}/{} as delivered", cluster.namespace, arguments.name),
        format!("{}/{} by the evidence", cluster.namespace, arguments.name),
    ];
    show(&unified(&delivered, &rendered, &names));
    Ok(ExitCode::from(DIFFERS))
}

/// Shows what would change of each live object; what cannot be told makes the command fail.
async fn with_live(
    cluster: &Cluster,
    intent: &DeploymentIntent,
    manifests: &Manifests<Built>,
) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    let mut failed = false;
    let mut may_be_left = Vec::new();
    for Preview { kind, name, change } in preview(&cluster.client, intent, manifests).await {
        match change {
            Ok(Change { live, proposed }) if live == proposed => {}
            Ok(Change { live, proposed }) => {
                let yaml = |object: Option<Object>| object.map_or_else(String::new, |it| it.yaml());
                let object = format!("{kind}/{}/{name}", cluster.namespace);
                let names = [format!("live/{object}"), format!("proposed/{object}")];
                show(&unified(&yaml(live), &yaml(proposed), &names));
                code = ExitCode::from(DIFFERS);
            }
            Err(Unknown::MayBeLeft) => may_be_left.push(kind.to_string()),
            Err(reason @ Unknown::NotServed) => tell(&format!("note: {kind} {name}: {reason}\n")),
            Err(reason) => {
                let bad = styled(BAD, "not compared");
                tell(&format!("{bad}: {kind} {name}: {reason}\n"));
                failed = true;
            }
        }
    }
    if !may_be_left.is_empty() {
        tell(&format!(
            "note: whether there are objects that would be removed may not be looked at: {}\n",
            may_be_left.join(", ")
        ));
    }
    if failed {
        code = ExitCode::from(DIFF_FAILED);
    }
    code
}

/// The manifests in the intent's own ConfigMap; nothing where there is none.
async fn delivered(cluster: &Cluster, intent: &DeploymentIntent) -> anyhow::Result<String> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let name = intent.name_any();
    let found = api.get_opt(&name).await;
    let found = found.with_context(|| format!("cannot read the ConfigMap {name}"))?;
    let Some(config_map) = found else {
        return Ok(String::new());
    };
    let is_its_own = config_map.owner_references().iter().any(|owner| {
        owner.controller == Some(true) && Some(&owner.uid) == intent.metadata.uid.as_ref()
    });
    if !is_its_own {
        bail!("the ConfigMap {name} is not the intent's: nothing of it was delivered there");
    }
    let mut data = config_map.data.unwrap_or_default();
    Ok(data.remove(MANIFESTS_KEY).unwrap_or_default())
}

/// A unified diff, coloured.
fn unified(old: &str, new: &str, [old_name, new_name]: &[String; 2]) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut out = format!(
        "{}\n{}\n",
        styled(HEADLINE, format!("--- {old_name}")),
        styled(HEADLINE, format!("+++ {new_name}"))
    );
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        out.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            out.push_str(&match change.tag() {
                ChangeTag::Delete => styled(BAD, format!("-{line}")),
                ChangeTag::Insert => styled(GOOD, format!("+{line}")),
                ChangeTag::Equal => format!(" {line}"),
            });
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_one_that_patch_reads() {
        let names = ["a".to_owned(), "b".to_owned()];
        let shown = unified("1\n2\n3\n", "1\nzwei\n3\n", &names);
        let plain = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(plain, "--- a\n+++ b\n@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\n");
    }
}
