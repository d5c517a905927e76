//! Questions that differ from one to the next, as they do while a person moves a target.

use compass::api::parse_intent;
use compass::catalog::Catalog;
use compass::recommend::{Requirement, resolve};

/// The `number`th question about the profile 512/256.
pub fn requirement(catalog: &Catalog, number: usize) -> Requirement {
    let base = BASE.get_or_init(|| {
        let intent = parse_intent(
            "apiVersion: compass.dev/v1alpha1
kind: DeploymentIntent
metadata: {name: bench}
spec:
  useCase: chatbot_conversational
  demand: {requestsPerSecond: 40}
",
        );
        resolve(&intent.expect("an intent").spec, catalog).expect("a requirement")
    });
    let mut requirement = base.clone();
    requirement.slo.ttft_p95_ms = 60 + (number * 7 % 120) as i32;
    requirement.slo.itl_p95_ms = 14 + (number * 5 % 17) as i32;
    requirement.slo.e2e_p95_ms = 3000 + (number * 131 % 5000) as i32;
    if let Some(demand) = &mut requirement.demand {
        demand.requests_per_second += rust_decimal::Decimal::new((number % 97) as i64, 1);
    }
    requirement
}

static BASE: std::sync::OnceLock<Requirement> = std::sync::OnceLock::new();
