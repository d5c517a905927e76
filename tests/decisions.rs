//! R14 on the data that ships: the page about it is current.

#[path = "../examples/shared/data.rs"]
mod data;
#[path = "../examples/decision_report/questions.rs"]
mod questions;
#[path = "../examples/shared/section.rs"]
mod section;

#[test]
fn the_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/decisions.md");
    let page = std::fs::read_to_string(path).unwrap();
    let tables = questions::tables(&data::shipped().unwrap()).unwrap();
    let current = section::replace(&page, "decision-report", &tables).unwrap();
    assert!(page == current, "run `make decision-report`");
}
