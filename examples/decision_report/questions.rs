//! The 27 classic questions: nine use cases, each at 1, 5 and 40 requests/s.

use std::fmt::Write;

use compass::api::DeploymentIntentSpec;
use compass::benchmark::{Benchmark, Evidence};
use compass::catalog::{Catalog, UseCase};
use compass::recommend::{Decision, Settlement, Worth, decide, resolve};
use jiff::Timestamp;

const RATES_PER_SECOND: [u32; 3] = [1, 5, 40];
/// A sweep that is cut here is like most that people hold: hardly anything in it fails.
const SHORT_SWEEP: f64 = 0.5;

/// Both tables.
pub fn tables(rows: &[Benchmark]) -> anyhow::Result<String> {
    let whole = answers(rows)?;
    let cut = answers(&short_sweeps(rows))?;
    let mut out = String::new();
    out.push_str(&summary("as they ship", &whole, &whole));
    out.push_str(&summary(
        "sweeps cut at half of their highest rate",
        &cut,
        &whole,
    ));
    let head = "| sweeps | answered | provisional | challengers, median where provisional | the winner could do with a replica less | the winner within 10 % of a target | another answer than the whole sweeps give | dearer than theirs, median |\n|---|---|---|---|---|---|---|---|\n";
    let mut page = format!("{head}{out}");
    for (title, answers) in [("as they ship", &whole), ("cut", &cut)] {
        let _ = write!(page, "\n### Sweeps {title}\n\n{}", table(answers));
    }
    Ok(page)
}

struct Answer {
    use_case: UseCase,
    rps: u32,
    decision: Decision,
}

fn answers(rows: &[Benchmark]) -> anyhow::Result<Vec<Answer>> {
    let catalog = Catalog::built_in();
    let evidence = Evidence {
        benchmarks: rows.to_vec().into(),
        profiles: Vec::new(),
    };
    let mut answers = Vec::new();
    for (use_case, template) in catalog.use_cases() {
        let name = serde_json::to_value(use_case)?;
        for rps in RATES_PER_SECOND {
            let spec: DeploymentIntentSpec = serde_json::from_value(serde_json::json!({
                "useCase": name,
                "demand": {"requestsPerSecond": rps},
            }))?;
            let requirement = resolve(&spec, &catalog)?;
            assert_eq!(requirement.profile, template.traffic_profile);
            answers.push(Answer {
                use_case,
                rps,
                decision: decide(requirement, &evidence, &catalog, Timestamp::UNIX_EPOCH),
            });
        }
    }
    Ok(answers)
}

/// The rows up to half of the highest rate of each configuration under each profile.
fn short_sweeps(rows: &[Benchmark]) -> Vec<Benchmark> {
    let highest = |row: &Benchmark| {
        rows.iter()
            .filter(|other| {
                !other.bounds_only
                    && other.profile == row.profile
                    && other.configuration == row.configuration
            })
            .map(|other| other.offered_rps)
            .fold(0.0, f64::max)
    };
    rows.iter()
        .filter(|row| row.offered_rps <= SHORT_SWEEP * highest(row))
        .cloned()
        .collect()
}

impl Answer {
    fn settlement(&self) -> Option<&Settlement> {
        self.decision.settlement.as_ref()
    }

    fn is_worth(&self, reason: Worth) -> bool {
        self.settlement()
            .is_some_and(|it| it.worth_running.iter().any(|worth| worth.reason == reason))
    }

    fn micro_dollars(&self) -> Option<i128> {
        let best = self.decision.recommendation.as_ref()?;
        best.cost_per_hour.map(|cost| cost.0)
    }
}

fn summary(title: &str, answers: &[Answer], whole: &[Answer]) -> String {
    let count = |passes: &dyn Fn(&Answer) -> bool| answers.iter().filter(|it| passes(it)).count();
    let answered = count(&|it| it.decision.recommendation.is_some());
    let provisional = |it: &Answer| it.settlement().is_some_and(|it| !it.settled);
    let challengers = answers
        .iter()
        .filter(|it| provisional(it))
        .filter_map(|it| Some(it.settlement()?.challengers as f64));
    let place = |it: &Answer| {
        let best = it.decision.recommendation.as_ref()?;
        Some((best.configuration.clone(), best.replicas))
    };
    let pairs = || answers.iter().zip(whole);
    let other = pairs().filter(|(a, b)| place(a) != place(b)).count();
    let dearer = pairs().filter_map(|(a, b)| {
        let (a, b) = (a.micro_dollars()?, b.micro_dollars()?);
        Some(100.0 * (a as f64 / b as f64 - 1.0))
    });
    format!(
        "| {title} | {answered} of {} | {} | {} | {} | {} | {other} | {} % |\n",
        answers.len(),
        count(&provisional),
        median(challengers).map_or_else(|| "none".to_owned(), |it| format!("{it:.0}")),
        count(&|it| it.is_worth(Worth::FewerReplicas)),
        count(&|it| it.is_worth(Worth::NearTarget)),
        median(dearer).map_or_else(|| "0".to_owned(), |it| format!("{it:.0}")),
    )
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn table(answers: &[Answer]) -> String {
    let mut out = String::from(
        "| use case | requests/s | answer | $/hour | settled | the benchmark that could save most | up to $/month |\n|---|---|---|---|---|---|---|\n",
    );
    for answer in answers {
        let Answer { use_case, rps, .. } = answer;
        let (Some(best), Some(settlement)) = (&answer.decision.recommendation, answer.settlement())
        else {
            let _ = writeln!(out, "| {use_case} | {rps} | nothing complies | | | | |");
            continue;
        };
        let settled = match (settlement.settled, settlement.challengers) {
            (true, _) => "yes".to_owned(),
            (false, challengers) => format!("no, {challengers}"),
        };
        let worth = settlement.worth_running.first().map(|worth| {
            let configuration = &worth.plan.configuration;
            let rates: Vec<_> = worth
                .rates_rps
                .iter()
                .map(|it| it.normalize().to_string())
                .collect();
            (
                format!(
                    "{} on {} at {}",
                    configuration.model,
                    configuration.accelerators(),
                    rates.join(" and ")
                ),
                worth
                    .saving_per_hour
                    .map_or_else(String::new, |it| it.per_month().to_string()),
            )
        });
        let (worth, saving) = worth.unwrap_or_default();
        let _ = writeln!(
            out,
            "| {use_case} | {rps} | {} x {} on {} | {} | {settled} | {worth} | {saving} |",
            best.replicas,
            best.configuration.model,
            best.configuration.accelerators(),
            best.cost_per_hour
                .map_or_else(|| "unknown".to_owned(), |it| it.to_string()),
        );
    }
    out
}
