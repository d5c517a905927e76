//! What it costs to be current: `cargo bench --bench changes` prints a table. Real PostgreSQL
//! (without fsync), a real API server, the released program. `-- reads` and `-- intents` run one
//! half, `-- intents Render` one mode.

mod intents;
#[path = "../shared/million.rs"]
mod million;
#[path = "../shared/operator.rs"]
mod operator;
mod reads;
mod table;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wants = |name: &str| {
        let named = |argument: &String| ["reads", "intents"].contains(&argument.as_str());
        !arguments.iter().any(named) || arguments.iter().any(|argument| argument == name)
    };
    let runtime = tokio::runtime::Runtime::new()?;
    if wants("reads") {
        runtime.block_on(reads::run())?;
    }
    if wants("intents") {
        let modes = ["Recommend", "Render"];
        let named = modes
            .into_iter()
            .filter(|mode| arguments.iter().any(|it| it == mode));
        let named: Vec<_> = named.collect();
        let modes = if named.is_empty() { &modes } else { &*named };
        runtime.block_on(intents::run(modes))?;
    }
    Ok(())
}
