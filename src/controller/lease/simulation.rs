//! Candidates with clocks of their own, and an API server that is not always to be had: processes
//! stop and go on, crash and start again, networks lose and delay, and the Lease is deleted. At no
//! moment do two lead, or is a write of one under way while another leads.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::term::{Candidate, NOBODY_KNOWN, Record, Step, Timing};

const TIMING: Timing = Timing {
    lease_duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry_period: Duration::from_secs(2),
};
const TICK: Duration = Duration::from_millis(50);
const LENGTH: Duration = Duration::from_secs(400);
/// How much faster or slower than true a clock runs.
const DRIFT: f64 = 0.02;

/// What is asked of the server.
#[derive(Clone)]
enum Question {
    Look,
    /// Of this version, a record that names this holder.
    Write(Option<String>, Option<String>),
}

struct Call {
    number: u64,
    is_claim: bool,
    /// By the caller's clock.
    sent: Instant,
    deadline: Instant,
}

enum Message {
    Question(Question),
    Answer(Result<Option<Record>, ()>),
}

/// Some time of a write, in true time.
struct Write {
    /// Until then it may leave the process, by the writer's clock.
    cut: Instant,
    leaves: Duration,
}

struct Process {
    candidate: Candidate,
    identity: String,
    rate: f64,
    offset: Duration,
    origin: Instant,
    sleeps_until: Duration,
    cut_off_until: Duration,
    wakes: Instant,
    call: Option<Call>,
    writes: Vec<Write>,
    /// The last moment, in true time, at which the server may still be at a write of this process.
    written_until: Duration,
    /// The same of the processes that ran here before.
    others_wrote_until: Duration,
    /// It was told to end, and begins nothing.
    retires: bool,
    is_closed: bool,
    led: bool,
}

#[derive(Default, Debug)]
struct Seen {
    terms: u32,
    writes: u32,
    held_back: u32,
    releases: u32,
    deletions: u32,
}

struct World {
    rng: Rng,
    timing: Timing,
    now: Duration,
    record: Option<Record>,
    version: u64,
    /// By time of arrival and number: whose call, and what.
    messages: BTreeMap<(Duration, u64), (usize, u64, Message)>,
    number: u64,
    processes: Vec<Process>,
    seen: Seen,
}

impl Process {
    fn new(number: u64, rng: &mut Rng, now: Duration, timing: Timing) -> Self {
        let identity = format!("process-{number}");
        let mut process = Self {
            candidate: Candidate::new(identity.clone(), timing),
            identity,
            rate: 1.0 + DRIFT * (2.0 * rng.f64() - 1.0),
            offset: Duration::from_secs(rng.u64(0..100_000)),
            origin: Instant::now(),
            sleeps_until: now + Duration::from_millis(rng.u64(0..3000)),
            cut_off_until: Duration::ZERO,
            wakes: Instant::now(),
            call: None,
            writes: Vec::new(),
            written_until: Duration::ZERO,
            others_wrote_until: Duration::ZERO,
            retires: false,
            is_closed: false,
            led: false,
        };
        process.wakes = process.clock(now);
        process
    }

    fn clock(&self, now: Duration) -> Instant {
        self.origin + self.offset + now.mul_f64(self.rate)
    }

    fn leads(&self, now: Duration) -> bool {
        !self.is_closed && self.candidate.leads(self.clock(now))
    }

    /// Whether the term lasts so much longer, as the fence asks.
    fn has_left(&self, now: Duration, time: Duration) -> bool {
        let ends = self.candidate.term_ends();
        !self.is_closed && ends.is_some_and(|ends| self.clock(now) + time <= ends)
    }
}

impl World {
    fn new(seed: u64, timing: Timing) -> Self {
        let mut rng = Rng::with_seed(seed);
        let processes = (0..3)
            .map(|number| Process::new(number, &mut rng, Duration::ZERO, timing))
            .collect();
        Self {
            rng,
            timing,
            now: Duration::ZERO,
            record: None,
            version: 0,
            messages: BTreeMap::new(),
            number: 100,
            processes,
            seen: Seen::default(),
        }
    }

    /// What went wrong, if anything did.
    fn run(&mut self) -> Result<(), String> {
        while self.now < LENGTH {
            self.now += TICK;
            self.happen();
            self.deliver();
            for index in 0..self.processes.len() {
                if self.processes[index].sleeps_until <= self.now {
                    self.act(index);
                }
            }
            self.check()?;
        }
        Ok(())
    }

    /// About once in so many seconds.
    fn once_in(&mut self, seconds: f64) -> bool {
        self.rng.f64() * seconds < TICK.as_secs_f64()
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.rng.u64(0..most * 1000))
    }

    fn happen(&mut self) {
        if self.once_in(100.0) && self.record.take().is_some() {
            self.seen.deletions += 1;
        }
        for index in 0..self.processes.len() {
            if self.once_in(30.0) {
                self.processes[index].sleeps_until = self.now + self.seconds(30);
            }
            if self.once_in(30.0) {
                self.processes[index].cut_off_until = self.now + self.seconds(30);
            }
            if self.once_in(200.0) {
                self.start_again(index);
            }
            if self.once_in(60.0) && self.processes[index].leads(self.now) {
                self.processes[index].retires = true;
            }
        }
    }

    /// A crash, or an end and a start: nothing is remembered, and what was sent is on its way.
    fn start_again(&mut self, index: usize) {
        self.number += 1;
        let mut process = Process::new(self.number, &mut self.rng, self.now, self.timing);
        let before = &self.processes[index];
        process.others_wrote_until = before.others_wrote_until.max(before.written_until);
        self.processes[index] = process;
    }

    /// An orderly end.
    fn release(&mut self, index: usize) {
        self.processes[index].is_closed = true;
        self.seen.releases += 1;
        let version = self.record.as_ref().map(|record| record.version.clone());
        let is_own = self.record.as_ref().and_then(|it| it.holder.as_ref())
            == Some(&self.processes[index].identity);
        if is_own {
            self.send(index, Question::Write(version, None), false);
        }
        self.start_again(index);
    }

    fn delay(&mut self) -> Duration {
        if self.rng.u8(0..20) == 0 {
            self.seconds(12)
        } else {
            Duration::from_millis(self.rng.u64(1..200))
        }
    }

    fn is_lost(&mut self, index: usize) -> bool {
        self.processes[index].cut_off_until > self.now || self.rng.u8(0..30) == 0
    }

    fn send(&mut self, index: usize, question: Question, is_claim: bool) {
        self.number += 1;
        let number = self.number;
        let process = &mut self.processes[index];
        let sent = process.clock(self.now);
        process.call = Some(Call {
            number,
            is_claim,
            sent,
            deadline: sent + Duration::from_secs(5),
        });
        if !self.is_lost(index) {
            let at = self.now + self.delay();
            let message = Message::Question(question);
            self.messages.insert((at, number), (index, number, message));
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.messages.first_entry()
            && entry.key().0 <= self.now
        {
            let (index, number, message) = entry.remove();
            match message {
                Message::Question(question) => {
                    let answer = self.answer(question);
                    if !self.is_lost(index) {
                        let at = self.now + self.delay();
                        self.number += 1;
                        let message = Message::Answer(answer);
                        self.messages
                            .insert((at, self.number), (index, number, message));
                    }
                }
                // A process that sleeps finds the answer when it goes on.
                Message::Answer(answer) if self.processes[index].sleeps_until > self.now => {
                    let at = self.processes[index].sleeps_until + TICK;
                    self.messages
                        .insert((at, self.number), (index, number, Message::Answer(answer)));
                    self.number += 1;
                }
                Message::Answer(answer) => self.take(index, number, answer),
            }
        }
    }

    fn answer(&mut self, question: Question) -> Result<Option<Record>, ()> {
        if let Question::Write(version, holder) = question {
            let current = self.record.as_ref().map(|record| record.version.clone());
            if version != current {
                return Err(());
            }
            self.version += 1;
            self.record = Some(Record {
                holder,
                lease_duration: TIMING.lease_duration,
                version: self.version.to_string(),
            });
        }
        Ok(self.record.clone())
    }

    fn take(&mut self, index: usize, number: u64, answer: Result<Option<Record>, ()>) {
        let process = &mut self.processes[index];
        let now = process.clock(self.now);
        let Some(call) = process.call.take_if(|call| call.number == number) else {
            return;
        };
        let retry = self.timing.retry_period;
        process.wakes = now;
        match answer {
            _ if now > call.deadline => {
                process.candidate.doubts();
                process.wakes = now + retry;
            }
            Err(()) => process.candidate.doubts(),
            Ok(Some(record)) if call.is_claim => {
                process.candidate.claimed(record, call.sent, now);
                process.wakes = now + retry;
            }
            Ok(record) => process.candidate.saw(record, now),
        }
    }

    fn act(&mut self, index: usize) {
        self.write(index);
        let process = &mut self.processes[index];
        if process.retires && process.writes.is_empty() && process.written_until <= self.now {
            return self.release(index);
        }
        let now = process.clock(self.now);
        if process
            .call
            .as_ref()
            .is_some_and(|call| now > call.deadline)
        {
            process.call = None;
            process.candidate.doubts();
            process.wakes = now + self.timing.retry_period;
        }
        if process.call.is_some() || now < process.wakes {
            return;
        }
        match process.candidate.step(now) {
            Step::Look => self.send(index, Question::Look, false),
            Step::Lay => {
                let nobody = Some(NOBODY_KNOWN.to_owned());
                self.send(index, Question::Write(None, nobody), false);
            }
            Step::Claim(version) => {
                let holder = Some(process.identity.clone());
                self.send(index, Question::Write(version, holder), true);
            }
            Step::Stand => {
                process.candidate.doubts();
                process.wakes = now + self.timing.retry_period;
            }
            Step::Lost(_) => self.start_again(index),
        }
    }

    /// Writes as the fence lets it: a check, some time, a check of the bytes, some time on the way,
    /// some time at the server.
    fn write(&mut self, index: usize) {
        let most = self.timing.write();
        let (now, pause) = (self.now, self.seconds(1));
        let process = &mut self.processes[index];
        let writes = std::mem::take(&mut process.writes);
        for write in writes {
            let clock = process.clock(now);
            if write.leaves > now {
                process.writes.push(write);
            } else if clock <= write.cut && process.has_left(now, most / 2) {
                let longest = (most / 4).div_f64(process.rate) + most;
                process.written_until = process.written_until.max(now + longest);
                self.seen.writes += 1;
            } else {
                self.seen.held_back += 1;
            }
        }
        if !process.retires && process.has_left(now, most) {
            let cut = process.clock(now) + most;
            let leaves = now + pause;
            process.writes.push(Write { cut, leaves });
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let now = self.now;
        let leaders: Vec<_> = (0..self.processes.len())
            .filter(|index| self.processes[*index].leads(now))
            .collect();
        if leaders.len() > 1 {
            return Err(format!("{now:?}: {leaders:?} lead"));
        }
        let Some(&leader) = leaders.first() else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.processes[leader].led, true) {
            self.seen.terms += 1;
        }
        let writes = |(index, process): &(usize, &Process)| {
            (*index != leader && process.written_until > now) || process.others_wrote_until > now
        };
        match self.processes.iter().enumerate().find(writes) {
            Some((other, _)) => Err(format!("{now:?}: {leader} leads, {other} writes")),
            None => Ok(()),
        }
    }
}

#[test]
fn at_most_one_leads_and_nobody_writes_beside_it() {
    let mut all = Seen::default();
    for seed in 0..200 {
        let mut world = World::new(seed, TIMING);
        world
            .run()
            .unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        all.terms += world.seen.terms;
        all.writes += world.seen.writes;
        all.held_back += world.seen.held_back;
        all.releases += world.seen.releases;
        all.deletions += world.seen.deletions;
    }
    // Else nothing was shown.
    let least = [all.terms, all.held_back, all.releases, all.deletions];
    assert!(least.iter().all(|count| *count > 200), "{all:?}");
    assert!(all.writes > 10_000, "{all:?}");
}

/// A rule that does not hold is found out.
#[test]
fn a_term_that_outlives_the_wait_of_others_is_noticed() {
    let broken = Timing {
        renew_deadline: Duration::from_secs(20),
        ..TIMING
    };
    assert!((0..200).any(|seed| World::new(seed, broken).run().is_err()));
}
