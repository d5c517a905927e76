//! The tables of docs/estimates.md.

use std::fmt::Write;

use compass::benchmark::Benchmark;
use compass::catalog::ExperienceClass;

use crate::class::Class;
use crate::held_out::{CLASSES, Capacity, HeldOut, INSIDE, OUTSIDE, Row, of_profile};

/// Where the upper bound shows no capacity for more of those that have one than this, it is of
/// little use.
const USELESS_SHARE: f64 = 1.0 / 3.0;

/// All tables.
pub fn tables(rows: &[Benchmark]) -> String {
    let inside = of_profile(rows, INSIDE);
    let outside = of_profile(rows, OUTSIDE);
    let mut out = String::new();
    let _ = writeln!(out, "### {INSIDE}, held out, between the fitted profiles\n");
    overall(&mut out, &inside);
    let _ = writeln!(
        out,
        "\n#### Capacity by experience class, of what is estimated\n"
    );
    by_experience(&mut out, &inside);
    let _ = writeln!(out, "\n#### What it comes to\n");
    verdict(&mut out, &inside);
    let _ = writeln!(
        out,
        "\n### {OUTSIDE}, held out, outside of the fitted profiles: refused, for information\n"
    );
    overall(&mut out, &outside);
    let _ = writeln!(out, "\n### Each configuration under {INSIDE}\n");
    each(&mut out, &inside);
    out
}

type Group<'a> = Vec<&'a HeldOut>;

fn overall(out: &mut String, all: &[HeldOut]) {
    out.push_str(
        "| model | law | configurations | rows | median error % TTFT / ITL / E2E | 90 % intervals cover % | all below upper bound % | upper bound / estimate | capacity too high %, point / upper | capacity / true, point / upper |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for class in Class::ALL {
        for (law, holds) in [("holds", true), ("does not hold", false)] {
            let of_class = all.iter().filter(|it| it.class == class);
            let group: Group = of_class.filter(|it| it.law_holds == holds).collect();
            if !group.is_empty() {
                line(out, class.name(), law, &group);
            }
        }
        let group: Group = all.iter().filter(|it| it.class == class).collect();
        line(out, class.name(), "all", &group);
    }
}

fn line(out: &mut String, class: &str, law: &str, group: &Group) {
    let rows: Vec<&Row> = group.iter().flat_map(|it| &it.rows).collect();
    let capacities: Vec<&Capacity> = group.iter().flat_map(|it| &it.capacities).collect();
    let targets = [0, 1, 2];
    let factors = targets.map(|i| median(group.iter().map(|it| it.upper_factors[i])));
    let _ = writeln!(
        out,
        "| {class} | {law} | {} | {} | {} | {} | {} | {} | {} / {} | {} / {} |",
        group.len(),
        rows.len(),
        three(errors(&rows).map(|error| 100.0 * error), 1),
        three(coverage(group).map(|share| 100.0 * share), 0),
        number(100.0 * share(&rows, |row| row.is_below_upper()), 0),
        three(factors, 2),
        number(100.0 * share(&capacities, |it| it.by_point > it.known), 0),
        number(100.0 * share(&capacities, |it| it.by_upper > it.known), 0),
        number(ratio(&capacities, |it| it.by_point), 2),
        number(ratio(&capacities, |it| it.by_upper), 2),
    );
}

fn by_experience(out: &mut String, all: &[HeldOut]) {
    out.push_str(
        "| experience class | capacities | too high %, point / upper | capacity / true, point / upper | no capacity at all by the upper bound % |\n\
         |---|---|---|---|---|\n",
    );
    for (name, capacities) in of_experience(all) {
        let _ = writeln!(
            out,
            "| {name} | {} | {} / {} | {} / {} | {} |",
            capacities.len(),
            number(100.0 * share(&capacities, |it| it.by_point > it.known), 0),
            number(100.0 * share(&capacities, |it| it.by_upper > it.known), 0),
            number(ratio(&capacities, |it| it.by_point), 2),
            number(ratio(&capacities, |it| it.by_upper), 2),
            number(100.0 * nothing_shown(&capacities), 0),
        );
    }
}

/// Capacities of what is estimated, by experience class.
fn of_experience(all: &[HeldOut]) -> Vec<(String, Vec<&Capacity>)> {
    let of_class = |class: ExperienceClass| {
        let estimated = all.iter().filter(|it| it.refusal.is_none());
        let capacities = estimated.flat_map(|it| &it.capacities);
        let capacities = capacities.filter(|it| it.class == class).collect();
        (format!("{class:?}").to_lowercase(), capacities)
    };
    CLASSES.into_iter().map(of_class).collect()
}

/// Where the intervals are too wide to be useful, and which classes of models break the law.
fn verdict(out: &mut String, all: &[HeldOut]) {
    for class in Class::ALL {
        let of_class: Group = all.iter().filter(|it| it.class == class).collect();
        let estimated = of_class.iter().filter(|it| it.refusal.is_none()).count();
        let rows: Vec<&Row> = of_class.iter().flat_map(|it| &it.rows).collect();
        let worst = errors(&rows).into_iter().fold(0.0, f64::max);
        let name = class.name();
        let _ = writeln!(
            out,
            "- {name}: {estimated} of {} configurations are estimated{}",
            of_class.len(),
            if estimated * 2 < of_class.len() {
                format!(
                    "; **this class breaks the law** (held out, the worst target's median error is {} %)",
                    number(100.0 * worst, 0)
                )
            } else {
                String::new()
            }
        );
    }
    let useless: Vec<_> = of_experience(all)
        .into_iter()
        .filter(|(_, capacities)| nothing_shown(capacities) > USELESS_SHARE)
        .map(|(name, _)| name)
        .collect();
    let _ = writeln!(
        out,
        "- the upper bound is too wide to be useful (no capacity for more than a third of the configurations that have one) for: {}",
        if useless.is_empty() {
            "no experience class".to_owned()
        } else {
            format!("**{}**", useless.join(", "))
        }
    );
}

fn each(out: &mut String, all: &[HeldOut]) {
    out.push_str(
        "| configuration | own profiles left out, median error % TTFT / ITL / E2E | held out, median error % | 90 % intervals cover % | estimated |\n\
         |---|---|---|---|---|\n",
    );
    for it in all {
        let rows: Vec<&Row> = it.rows.iter().collect();
        let _ = writeln!(
            out,
            "| {}, {} | {} | {} | {} | {} |",
            it.configuration.model,
            it.configuration.accelerators(),
            three(it.own_errors.map(|error| 100.0 * error), 0),
            three(errors(&rows).map(|error| 100.0 * error), 1),
            three(coverage(&[it]).map(|share| 100.0 * share), 0),
            if it.refusal.is_none() { "yes" } else { "no" },
        );
    }
}

/// Median relative errors of TTFT, ITL and E2E.
pub fn errors(rows: &[&Row]) -> [f64; 3] {
    [0, 1, 2].map(|target| median(rows.iter().map(|row| row.error(target))))
}

/// Shares of rows that the 90 % intervals cover.
pub fn coverage(group: &[&HeldOut]) -> [f64; 3] {
    let rows: usize = group.iter().map(|it| it.rows.len()).sum();
    [0, 1, 2].map(|target| {
        let covered: usize = group.iter().map(|it| it.covered()[target]).sum();
        covered as f64 / rows as f64
    })
}

/// Shares of capacities that are shown to be larger than they are, or not at all.
fn nothing_shown(capacities: &[&Capacity]) -> f64 {
    let known: Vec<_> = capacities.iter().filter(|it| it.known > 0.0).collect();
    share(&known, |it| it.by_upper == 0.0)
}

fn ratio(capacities: &[&Capacity], of: impl Fn(&Capacity) -> f64) -> f64 {
    let known = capacities.iter().filter(|it| it.known > 0.0);
    median(known.map(|it| of(it) / it.known))
}

pub fn share<T>(all: &[T], holds: impl Fn(&T) -> bool) -> f64 {
    all.iter().filter(|it| holds(it)).count() as f64 / all.len() as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}

fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}")
    } else {
        "–".to_owned()
    }
}

fn three(values: [f64; 3], decimals: usize) -> String {
    values.map(|value| number(value, decimals)).join(" / ")
}
