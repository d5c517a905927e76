//! An intent as a person would write it: with comments, and without what is said by default.

use crate::api::DeploymentIntent;
use crate::catalog::Catalog;

/// The intent as YAML with comments.
///
/// # Errors
/// It cannot be written as YAML.
pub(super) fn commented(intent: &DeploymentIntent, catalog: &Catalog) -> anyhow::Result<String> {
    let yaml = serde_saphyr::to_string(intent)?;
    let mut out = String::new();
    for line in yaml.lines() {
        // Said by default.
        if [
            "  suspend: false",
            "  objective: Cost",
            "    updatePolicy: OnViolation",
        ]
        .contains(&line)
        {
            continue;
        }
        let field = line
            .strip_prefix("  ")
            .and_then(|line| line.split(':').next());
        for comment in field
            .map(|field| comments(field, intent, catalog))
            .unwrap_or_default()
        {
            out.push_str(&format!("  # {comment}\n"));
        }
        out.push_str(line);
        out.push('\n');
    }
    Ok(out)
}

/// What is said of a field of the spec.
fn comments(field: &str, intent: &DeploymentIntent, catalog: &Catalog) -> Vec<String> {
    let fixed = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    match field {
        "useCase" => match catalog.use_case(intent.spec.use_case) {
            None => fixed(&["A workload of one's own: it brings its profile and its targets."]),
            Some(template) => {
                let slo = template.slo_targets;
                vec![
                    format!(
                        "{}: {} prompt/output tokens, p95 targets",
                        template.use_case, template.traffic_profile
                    ),
                    format!(
                        "TTFT {} ms, ITL {} ms, E2E {} ms. What slo, experienceClass or trafficProfile say wins.",
                        slo.ttft_p95_ms, slo.itl_p95_ms, slo.e2e_p95_ms
                    ),
                ]
            }
        },
        "experienceClass" => fixed(&[
            "What users expect of the answer's pace; sets the targets that slo does not give.",
        ]),
        "trafficProfile" => {
            fixed(&["Tokens of a request. Benchmarks count only for exactly this profile."])
        }
        "slo" => fixed(&["p95 targets in milliseconds, where they differ from the use case's."]),
        "demand" => fixed(&[
            "The highest one-minute mean: requestsPerSecond, or users from whom it is derived.",
            "Compass adds headroomPercent (20 where it is not given).",
        ]),
        "models" => fixed(&["Which models may be chosen: allow, deny, minimumQuality."]),
        "hardware" => fixed(&[
            "Which hardware may be chosen, and how much of it over all replicas:",
            "allow, deny, maxGpus, maxCostPerHour (US dollars).",
        ]),
        "evidence" => fixed(&[
            "Which benchmarks count: minimum (measured, simulated, estimated), maxAgeDays, marginPercent.",
        ]),
        "objective" => fixed(&["Cost, Latency, Quality or Balanced."]),
        "delivery" => fixed(&[
            "Recommend: the status. Render: also a ConfigMap with the manifests' YAML.",
            "Apply: also the Deployment and the Service themselves.",
        ]),
        _ => Vec::new(),
    }
}
