//! `make chaos`: people work, parts fail in every way we can think of, and once all is well again
//! nothing must be left of it ([`invariants`]). Takes minutes, so `make test` leaves it out.
//! `COMPASS_CHAOS_SEED` repeats what a run did.

mod api_gate;
mod clock;
mod full_disk;
mod invariants;
mod supervisor;
mod users;
mod world;

use std::time::Duration;

use compass_testbed::PgBouncer;
use compass_testbed::forwarder::Traffic;
use compass_testbed::postgres::execute;

use api_gate::Fault;
use clock::Clock;
use full_disk::SmallDisk;
use supervisor::Supervisor;
use users::Users;
use world::World;

use crate::support::{compass, eventually, load_knowledge_base};

const KILLS: usize = 100;
/// Between two things that people do.
const BUSY: Duration = Duration::from_millis(30);

fn seed() -> u64 {
    let given = std::env::var("COMPASS_CHAOS_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |it| it.parse().unwrap());
    eprintln!("COMPASS_CHAOS_SEED={seed}");
    seed
}

/// Does something, and waits until the operator's log says this once more.
async fn says(operator: &Supervisor, words: &str, after: impl FnOnce()) {
    let said = || operator.log().matches(words).count();
    let before = said();
    after();
    eventually(&format!("the operator to say `{words}`"), async || {
        (said() > before).then_some(()).ok_or(before)
    })
    .await;
}

async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn the_operator_is_killed_a_hundred_times() {
    let (world, seed) = (World::create().await, seed());
    let operator = Supervisor::start(world.direct("compass"));
    let users = Users::start(&world, seed, BUSY);
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..KILLS {
        pass(random.u64(20..1200)).await;
        operator.signal("KILL");
    }
    assert!(operator.starts() >= KILLS / 2, "{}", operator.starts());
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn the_knowledge_base_fails_in_every_way() {
    let (mut world, seed) = (World::create().await, seed());
    let _operator = Supervisor::start(world.direct("compass"));
    let users = Users::start(&world, seed, BUSY);
    for _ in 0..3 {
        pass(2000).await;
        world.postgres.stop();
        pass(2000).await;
        world.postgres.start_again().unwrap();
        pass(1000).await;
        for traffic in [
            Traffic::Refused,
            Traffic::Slow(Duration::from_millis(300)),
            Traffic::Held,
        ] {
            world.database.set(traffic);
            pass(3000).await;
            world.database.set(Traffic::Passes);
            world.database.cut();
            pass(1000).await;
        }
        load_knowledge_base(&world.postgres.url());
    }
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn the_knowledge_base_fails_over_behind_a_pooler() {
    let (mut world, seed) = (World::create().await, seed());
    let pooler = PgBouncer::before(&world.postgres, world.database.port(), "").unwrap();
    let mut run = world.direct("compass");
    let pooled = pooler.url_of(&world.database_url()).unwrap();
    run.environment.extend([
        ("DATABASE_DIRECT_URL".to_owned(), world.database_url()),
        ("DATABASE_URL".to_owned(), pooled),
    ]);
    let _operator = Supervisor::start(run);
    let users = Users::start(&world, seed, BUSY);
    for _ in 0..3 {
        pass(2000).await;
        let standby = world.postgres.replica().unwrap();
        pass(4000).await;
        world.fail_over_to(standby);
    }
    pass(4000).await;
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn the_api_server_fails_in_every_way() {
    let (mut world, seed) = (World::create().await, seed());
    let (gate, network) = world.gate("only").await;
    let _operator = Supervisor::start(world.run("compass", network.port()));
    let users = Users::start(&world, seed, BUSY);
    for _ in 0..2 {
        for fault in [
            Fault::Throttled,
            Fault::Conflicts,
            Fault::LostAnswers,
            Fault::Expired,
            Fault::Slow(Duration::from_millis(400)),
        ] {
            gate.set(fault);
            // Those that are open are not told otherwise.
            network.cut();
            pass(3000).await;
            gate.set(Fault::None);
            pass(1000).await;
        }
        network.set(Traffic::Held);
        pass(4000).await;
        network.cut();
        network.set(Traffic::Passes);
        pass(1000).await;
        world.control_plane.restart_api_server().unwrap();
        pass(2000).await;
    }
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn the_schema_is_too_old_and_too_new_and_the_disk_is_full() {
    let (world, seed) = (World::create().await, seed());
    let operator = Supervisor::start(world.direct("compass"));
    let url = world.postgres.url();
    let disk = SmallDisk::under(&world.postgres);
    let users = Users::start(&world, seed, BUSY);
    pass(2000).await;
    let put_away =
        "CREATE TABLE put_away AS SELECT * FROM _sqlx_migrations ORDER BY version DESC LIMIT 1;
         DELETE FROM _sqlx_migrations WHERE version IN (SELECT version FROM put_away)";
    says(&operator, "schema", || execute(&url, put_away).unwrap()).await;
    let put_back = "INSERT INTO _sqlx_migrations SELECT * FROM put_away; DROP TABLE put_away";
    says(&operator, "the knowledge base answers", || {
        execute(&url, put_back).unwrap()
    })
    .await;
    // A newer schema still serves an older operator.
    let tomorrow =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of tomorrow', true, '', 0)";
    execute(&url, tomorrow).unwrap();
    pass(5000).await;
    execute(&url, "DELETE FROM _sqlx_migrations WHERE version = 9999").unwrap();
    let Some(disk) = disk else {
        eprintln!("only root can make a small disk: it is not filled here");
        let approved = users.stop().await;
        return invariants::hold(&world, approved).await;
    };
    disk.fill();
    let load =
        || compass("load data/benchmarks.json.gz --source another").env("DATABASE_URL", &url);
    let complaint = load().refusal().unwrap();
    assert!(complaint.contains("No space left on device"), "{complaint}");
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
    disk.empty();
    load().output().unwrap();
    // Other evidence makes an approval void.
    invariants::hold(&world, None).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn the_clock_jumps_and_memory_runs_out() {
    let (world, seed) = (World::create().await, seed());
    let (_gate, network) = world.gate("only").await;
    let mut run = world.run("compass", network.port());
    let clock = Clock::of(&mut run);
    let operator = Supervisor::start(run);
    let users = Users::start(&world, seed, BUSY);
    for offset in ["+3d", "-2d", "+10y", "+0"] {
        pass(3000).await;
        clock.set(offset);
    }
    pass(3000).await;
    let starts = operator.starts();
    for percent in [60, 75, 90, 95] {
        operator.limit_memory(percent);
        operator.signal("KILL");
        pass(5000).await;
        operator.lift_limit();
        operator.signal("KILL");
        pass(3000).await;
    }
    // Eight of them were killed here.
    assert!(
        operator.starts() > starts + 8,
        "the limit was never reached"
    );
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn everything_fails_at_once() {
    let (mut world, seed) = (World::create().await, seed());
    let (gate, network) = world.gate("only").await;
    let mut run = world.run("compass", network.port());
    let clock = Clock::of(&mut run);
    let operator = Supervisor::start(run);
    let users = Users::start(&world, seed, BUSY);
    let mut random = fastrand::Rng::with_seed(seed);
    let traffic = |random: &mut fastrand::Rng| match random.u8(0..4) {
        0 => Traffic::Refused,
        1 => Traffic::Held,
        2 => Traffic::Slow(Duration::from_millis(random.u64(1..300))),
        _ => Traffic::Passes,
    };
    for _ in 0..60 {
        pass(random.u64(200..2000)).await;
        match random.u8(0..9) {
            0 => operator.signal("KILL"),
            1 => network.set(traffic(&mut random)),
            2 => world.database.set(traffic(&mut random)),
            3 => {
                let faults = [
                    Fault::None,
                    Fault::Throttled,
                    Fault::Conflicts,
                    Fault::LostAnswers,
                    Fault::Expired,
                    Fault::Slow(Duration::from_millis(200)),
                ];
                gate.set(random.choice(faults).unwrap());
            }
            4 => {
                network.cut();
                world.database.cut();
            }
            5 => world.postgres.stop(),
            6 => world.postgres.start_again().unwrap(),
            7 => clock.set(random.choice(["+3d", "-2d", "+0"]).unwrap()),
            _ => world.control_plane.restart_api_server().unwrap(),
        }
    }
    world.postgres.start_again().unwrap();
    load_knowledge_base(&world.postgres.url());
    gate.set(Fault::None);
    for path in [&network, &world.database] {
        path.cut();
        path.set(Traffic::Passes);
    }
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make chaos"]
async fn of_two_operators_cut_off_in_turn_one_writes_at_a_time() {
    const LEASE: &str = "--leader-elect --lease-namespace chaos --lease-duration-seconds 5 \
                         --renew-deadline-seconds 3 --retry-period-seconds 1";
    let (world, seed) = (World::create().await, seed());
    let mut operators = Vec::new();
    for name in ["first", "second"] {
        let (gate, network) = world.gate(name).await;
        let mut run = world.run(name, network.port());
        run.arguments = format!("{} {LEASE}", run.arguments);
        operators.push((name, gate, network, Supervisor::start(run)));
    }
    let users = Users::start(&world, seed, BUSY);
    let writer = || world.turns().last().copied();
    eventually("one of them to write", async || writer().ok_or(())).await;
    let mut expected = world.turns();
    for _ in 0..6 {
        pass(3000).await;
        let leads = writer().unwrap();
        let (_, _, network, _) = operators.iter().find(|it| it.0 == leads).unwrap();
        network.set(Traffic::Held);
        eventually("the other to take over", async || {
            (writer() != Some(leads)).then_some(()).ok_or(leads)
        })
        .await;
        expected.push(writer().unwrap());
        network.cut();
        network.set(Traffic::Passes);
    }
    let approved = users.stop().await;
    invariants::hold(&world, approved).await;
    assert_eq!(world.turns(), expected, "each wrote only while it led");
}
