//! R13 on the data that ships: what the issue asks of held-out errors, and that the page is current.

#[path = "../examples/estimate_report/class.rs"]
mod class;
#[path = "../examples/shared/data.rs"]
mod data;
#[path = "../examples/estimate_report/held_out.rs"]
mod held_out;
#[path = "../examples/estimate_report/page.rs"]
mod page;
#[path = "../examples/estimate_report/plot.rs"]
mod plot;
#[path = "../examples/shared/section.rs"]
mod section;

use class::Class;
use compass::recommend::Refusal;
use held_out::{HeldOut, INSIDE, OUTSIDE, Row};

fn those(all: &[HeldOut], passes: impl Fn(&HeldOut) -> bool) -> Vec<&HeldOut> {
    all.iter().filter(|it| passes(it)).collect()
}

fn rows<'a>(group: &[&'a HeldOut]) -> Vec<&'a Row> {
    group.iter().flat_map(|it| &it.rows).collect()
}

#[test]
fn dense_models_are_estimated_as_well_as_is_asked() {
    let shipped = data::shipped().unwrap();
    let all = held_out::of_profile(&shipped, INSIDE);
    let dense = those(&all, |it| it.class == Class::Dense);
    let estimated = those(&all, |it| it.class == Class::Dense && it.refusal.is_none());
    for group in [&dense, &estimated] {
        assert!(rows(group).len() > 400, "{}", rows(group).len());
        let errors = page::errors(&rows(group));
        for (error, most) in errors.into_iter().zip([0.06, 0.08, 0.06]) {
            assert!(error <= most, "{errors:?}");
        }
        let coverage = page::coverage(group);
        assert!(coverage.iter().all(|share| *share >= 0.9), "{coverage:?}");
    }
    let estimated = rows(&those(&all, |it| it.refusal.is_none()));
    let below = page::share(&estimated, |row| row.is_below_upper());
    assert!(below >= 0.95, "{below}");
}

#[test]
fn what_lies_outside_is_refused() {
    let shipped = data::shipped().unwrap();
    let all = held_out::of_profile(&shipped, OUTSIDE);
    assert_eq!(all.len(), 122);
    for it in all {
        assert!(matches!(it.refusal, Some(Refusal::OutsideProfiles { .. })));
    }
}

#[test]
fn the_page_is_current() {
    let read = |name: &str| {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/");
        std::fs::read_to_string(format!("{docs}{name}")).unwrap()
    };
    let shipped = data::shipped().unwrap();
    let text = read("estimates.md");
    let current = section::replace(&text, "estimate-report", &page::tables(&shipped)).unwrap();
    let plot = plot::svg(&held_out::of_profile(&shipped, INSIDE)).unwrap();
    assert!(text == current, "run `make estimate-report`");
    assert!(read("estimates.svg") == plot, "run `make estimate-report`");
}
