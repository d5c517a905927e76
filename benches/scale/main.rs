//! 10,000 intents: `cargo bench --bench scale` prints a table. Real PostgreSQL (without fsync), a
//! real API server, the released program. What the operator does stands beside the same statuses
//! written by a client that has nothing else to do. `-- 2000` takes another number of intents,
//! `-- Render` one mode.

#[path = "../shared/operator.rs"]
mod operator;
mod probe;
mod world;

use std::time::{Duration, Instant};

use world::World;

const INTENTS: usize = 10_000;
const STARTS: usize = 5;
const STEADY: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count = arguments.iter().find_map(|it| it.parse().ok());
    let modes = ["Recommend", "Render"]
        .into_iter()
        .filter(|mode| arguments.iter().any(|it| it == mode));
    let modes: Vec<_> = modes.collect();
    let modes = if modes.is_empty() {
        vec!["Recommend", "Render"]
    } else {
        modes
    };
    tokio::runtime::Runtime::new()?.block_on(run(count.unwrap_or(INTENTS), &modes))
}

async fn run(count: usize, modes: &[&str]) -> anyhow::Result<()> {
    let world = World::create().await?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(world.start_until_ready().await?.1);
    }
    println!(
        "Start to ready, median of {STARTS}: {:.0} ms",
        operator::percentile(&mut starts, 50).as_secs_f64() * 1e3
    );
    println!("{count} intents, every status watched");
    for mode in modes {
        measure(&world, count, mode).await?;
    }
    Ok(())
}

async fn measure(world: &World, count: usize, mode: &str) -> anyhow::Result<()> {
    world.create_intents(count, mode).await?;
    let mut seen = world.watch().await?;
    let start = Instant::now();
    let (operator, ready) = world.start_until_ready().await?;
    seen.all_change(count).await?;
    let cold = start.elapsed();
    let cpu = operator::cpu_time(operator.id());
    // Events and the last of the ConfigMaps come after the statuses.
    seen.quiet().await;
    come_to_rest(operator.id()).await;
    println!(
        "  {mode}: from the start of the process to the last status {:.1} s, {:.0} a second, {:.2} ms of CPU each; ready after {:.2} s",
        cold.as_secs_f64(),
        count as f64 / cold.as_secs_f64(),
        cpu.as_secs_f64() * 1e3 / count as f64,
        ready.as_secs_f64(),
    );
    println!("    {}", world.memory(&operator));

    let before = operator::cpu_time(operator.id());
    let writes = seen.changes_within(STEADY).await?;
    let cpu = operator::cpu_time(operator.id()) - before;
    println!(
        "    nothing changes: {writes} writes and {:.2} % of a core over {} s",
        100.0 * cpu.as_secs_f64() / STEADY.as_secs_f64(),
        STEADY.as_secs()
    );

    let probe = world.probe();
    let start = Instant::now();
    world.change_evidence().await?;
    seen.all_change(count).await?;
    println!(
        "    evidence of all changes: the last status after {:.1} s; meanwhile a GET by somebody else takes {}",
        start.elapsed().as_secs_f64(),
        probe.end().await?
    );
    seen.quiet().await;
    println!("    {}", world.memory(&operator));

    let statuses = world.statuses().await?;
    drop(operator);
    world.delete_intents().await?;
    world.create_intents(count, mode).await?;
    let statuses = world.bare(statuses).await?;
    let mut seen = world.watch().await?;
    let probe = world.probe();
    let start = Instant::now();
    let (written, watched) = tokio::join!(
        operator::write(&world.client, statuses),
        seen.all_change(count)
    );
    written?;
    watched?;
    let bare = start.elapsed();
    println!(
        "    the bare statuses: {:.1} s, {:.0} a second; a GET by somebody else takes {}",
        bare.as_secs_f64(),
        count as f64 / bare.as_secs_f64(),
        probe.end().await?
    );
    println!(
        "    ours reaches {:.0} % of the rate of the bare statuses",
        100.0 * bare.as_secs_f64() / cold.as_secs_f64()
    );
    world.delete_intents().await
}

/// Waits until a process uses less than a hundredth of a core.
async fn come_to_rest(process: u32) {
    loop {
        let before = operator::cpu_time(process);
        tokio::time::sleep(REST).await;
        if operator::cpu_time(process) - before < REST / 100 {
            return;
        }
    }
}
