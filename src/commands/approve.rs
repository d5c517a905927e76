//! `compass approve`: lets a decision that waits be delivered.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use dialoguer::Confirm;
use dialoguer::theme::ColorfulTheme;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::cluster::ClusterArguments;
use super::object::ObjectOutput;
use super::output::tell;
use super::style::{HEADLINE, styled};
use crate::advise::words::counted;
use crate::api::{DeploymentIntent, DeploymentIntentStatus, ProposedStatus};

/// Who the API server says set the field.
const FIELD_MANAGER: &str = "compass-approve";

/// Arguments of `compass approve`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The intent
    #[arg(value_name = "NAME")]
    name: String,
    /// Approve without asking
    #[arg(short, long)]
    yes: bool,
    /// Print the approved intent
    #[arg(short, long, value_enum)]
    output: Option<ObjectOutput>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let cluster = arguments.cluster.connect().await?;
    let name = &arguments.name;
    let intent = cluster.intent(name).await?;
    let waiting = waiting(&intent)?;
    let status = intent.status.clone().unwrap_or_default();
    tell(&page(name, &status, &waiting));
    let approved = intent.spec.delivery.approved_digest.as_ref();
    let intent = if approved == Some(&waiting.digest) {
        tell("It is approved already.\n");
        intent
    } else {
        if !arguments.yes && !is_confirmed()? {
            bail!("nothing was approved");
        }
        // Names the decision that was shown: should another one wait by now, it goes on waiting.
        let patch = json!({"spec": {"delivery": {"approvedDigest": waiting.digest}}});
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = cluster
            .intents()
            .patch(name, &parameters, &Patch::Merge(patch))
            .await
            .with_context(|| format!("cannot approve for {}/{name}", cluster.namespace))?;
        tell("Approved.\n");
        patched
    };
    if let Some(output) = arguments.output {
        output.print(&intent, &format!("deploymentintent.compass.dev/{name}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What waits, of the spec as it is now.
fn waiting(intent: &DeploymentIntent) -> anyhow::Result<ProposedStatus> {
    let status = intent.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    if observed != intent.metadata.generation {
        bail!("Compass has not looked at the current spec yet: try again in a moment");
    }
    status
        .and_then(|status| status.proposed.clone())
        .context("nothing waits for approval: status.proposed is empty")
}

fn page(name: &str, status: &DeploymentIntentStatus, waiting: &ProposedStatus) -> String {
    let ProposedStatus {
        digest,
        model,
        accelerators,
        replicas,
        cost_per_hour,
        saving_per_month,
        reason,
        changes,
        ..
    } = waiting;
    let mut out = String::new();
    let mut line = |label: &str, text: &str| out.push_str(&format!("  {label:<12}{text}\n"));
    if let Some(runs) = &status.delivered {
        let replicas = counted(runs.replicas.into(), "replica");
        let accelerators = format!("{}x{}", runs.gpus_per_replica, runs.hardware);
        line(
            "runs",
            &format!("{} on {accelerators}, {replicas}", runs.model),
        );
    }
    let cost = cost_per_hour.as_deref();
    let cost = cost.map_or_else(
        || "price unknown".to_owned(),
        |cost| format!("${cost} an hour"),
    );
    let replicas = counted((*replicas).into(), "replica");
    line(
        "waits",
        &format!("{model} on {accelerators}, {replicas}, {cost}"),
    );
    for change in changes {
        line("change", change);
    }
    let saving = match saving_per_month.as_deref() {
        None => "unknown".to_owned(),
        Some(more) if more.starts_with('-') => format!("none: ${} a month more", &more[1..]),
        Some(less) => format!("${less} a month"),
    };
    line("saving", &saving);
    line("why", reason);
    line("digest", digest);
    format!("{}\n{out}", styled(HEADLINE, name))
}

fn is_confirmed() -> anyhow::Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        bail!("--yes is missing: give it, or answer on a terminal");
    }
    let theme = ColorfulTheme::default();
    let question = Confirm::with_theme(&theme).with_prompt("Approve it?");
    Ok(question.default(false).interact()?)
}
