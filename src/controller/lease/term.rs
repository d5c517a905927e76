//! Who leads and until when, as pure logic: what was seen and when goes in, what to do comes out.
//!
//! At most one candidate leads, since
//! - a leader leads until `renew_deadline` after it *sent* the last claim that is known to be written;
//! - another one's name replaces its name only `lease_duration`, which is longer, after the record was
//!   first *seen* as it is, and only if it is still that version. It was written before it was seen;
//! - both times are those of monotonic clocks, each of its own machine: what a record says of the time
//!   of day is for people.
//!
//! A record that is gone may have been deleted under a leader. It is made again in nobody's name and
//! waited for like any other; nothing is concluded from seeing none twice, between which there may have
//! been one.

use std::time::{Duration, Instant};

/// Times of an election, with Kubernetes' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A candidate takes over once it has seen the same record for so long.
    pub lease_duration: Duration,
    /// A leader whose claim was not renewed for so long leads no more.
    pub renew_deadline: Duration,
    /// From one look at the record, or renewal of it, to the next.
    pub retry_period: Duration,
}

impl Timing {
    /// # Errors
    /// The times do not leave room for each other.
    pub fn check(&self) -> Result<(), String> {
        if self.renew_deadline >= self.lease_duration {
            return Err(
                "--lease-duration-seconds is to be longer than --renew-deadline-seconds".into(),
            );
        }
        if self.retry_period * 2 > self.renew_deadline {
            return Err(
                "--renew-deadline-seconds is to be at least twice --retry-period-seconds".into(),
            );
        }
        Ok(())
    }

    /// How long a leader's write may take, from before it is sent until nothing of it is under way
    /// any more, if all goes well.
    pub fn write(&self) -> Duration {
        let longer = self.lease_duration.saturating_sub(self.renew_deadline);
        longer.min(self.renew_deadline / 2)
    }
}

/// In whose name a record is made anew: if there is a leader, it puts its own name there.
pub const NOBODY_KNOWN: &str = "nobody-known";

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who leads; `None` once it has ended its term itself.
    pub holder: Option<String>,
    /// The `lease_duration` of the holder.
    pub lease_duration: Duration,
    /// Another one after each write.
    pub version: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look at the record.
    Look,
    /// Look at the record again later: somebody else may lead.
    Stand,
    /// Make a record in the name of [`NOBODY_KNOWN`], provided that there is none.
    Lay,
    /// Write one's own name, provided that the record is of this version; `None`: that there is none.
    Claim(Option<String>),
    /// The term is over, and with it this candidacy.
    Lost(Loss),
}

/// Why a leader leads no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The claim could not be renewed in time.
    NotRenewed,
    /// The record names somebody else.
    TakenBy(String),
}

/// One who leads or wants to.
#[derive(Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    /// The record, `None` where there was none, and since when it is so.
    seen: Option<(Option<Record>, Instant)>,
    /// Whether the record is to be looked at before it is claimed again.
    is_doubtful: bool,
    term_ends: Option<Instant>,
}

impl Candidate {
    /// One who has seen nothing yet. `identity` is nobody else's, also not that of an earlier process.
    pub fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            seen: None,
            is_doubtful: true,
            term_ends: None,
        }
    }

    /// When the term ends; `None` before the first one.
    pub fn term_ends(&self) -> Option<Instant> {
        self.term_ends
    }

    /// Whether this candidate leads.
    pub fn leads(&self, now: Instant) -> bool {
        self.term_ends.is_some_and(|ends| now < ends)
    }

    /// Who holds the record, as far as known.
    pub fn holder(&self) -> Option<&str> {
        self.record()?.holder.as_deref()
    }

    /// The record was read; `now` is when the answer was there.
    pub fn saw(&mut self, record: Option<Record>, now: Instant) {
        self.is_doubtful = false;
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != record) {
            self.seen = Some((record, now));
        }
    }

    /// The claim sent at `sent` was written, and this is the record now.
    pub fn claimed(&mut self, record: Record, sent: Instant, now: Instant) {
        // A write that changed nothing shows nobody that it was made.
        let is_written = self
            .record()
            .is_none_or(|seen| seen.version != record.version);
        self.saw(Some(record), now);
        if is_written {
            self.term_ends = Some(sent + self.timing.renew_deadline);
        }
    }

    /// A claim was refused, or nobody knows whether it was written.
    pub fn doubts(&mut self) {
        self.is_doubtful = true;
    }

    /// What to do now.
    pub fn step(&self, now: Instant) -> Step {
        let leads = self.leads(now);
        if self.term_ends.is_some() && !leads {
            return Step::Lost(Loss::NotRenewed);
        }
        let Some((record, since)) = &self.seen else {
            return Step::Look;
        };
        let holder = record.as_ref().and_then(|record| record.holder.as_deref());
        let other = holder.filter(|holder| *holder != self.identity);
        match other {
            Some(other) if leads && other != NOBODY_KNOWN => {
                return Step::Lost(Loss::TakenBy(other.to_owned()));
            }
            _ if self.is_doubtful => return Step::Look,
            _ => {}
        }
        match record {
            None if leads => Step::Claim(None),
            None => Step::Lay,
            Some(record) => {
                let wait = self.timing.lease_duration.max(record.lease_duration);
                if leads || other.is_none() || now >= *since + wait {
                    Step::Claim(Some(record.version.clone()))
                } else {
                    Step::Stand
                }
            }
        }
    }

    fn record(&self) -> Option<&Record> {
        self.seen.as_ref()?.0.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub const TIMING: Timing = Timing {
        lease_duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    };

    fn record(holder: &str, version: u32) -> Record {
        Record {
            holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
            lease_duration: TIMING.lease_duration,
            version: version.to_string(),
        }
    }

    fn claim(version: u32) -> Step {
        Step::Claim(Some(version.to_string()))
    }

    struct Clock(Instant);

    impl Clock {
        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }
    }

    fn candidate() -> (Candidate, Clock) {
        (
            Candidate::new("me".to_owned(), TIMING),
            Clock(Instant::now()),
        )
    }

    #[test]
    fn a_record_is_taken_over_when_it_stood_unchanged_for_a_lease_of_ones_own_watching() {
        let (mut candidate, clock) = candidate();
        assert_eq!(candidate.step(clock.at(0)), Step::Look);
        candidate.saw(Some(record("other", 1)), clock.at(1));
        assert_eq!(candidate.step(clock.at(14)), Step::Stand);
        candidate.saw(Some(record("other", 2)), clock.at(14));
        candidate.saw(Some(record("other", 2)), clock.at(28));
        assert_eq!(candidate.step(clock.at(28)), Step::Stand);
        assert_eq!(candidate.step(clock.at(29)), claim(2));
        assert!(
            !candidate.leads(clock.at(29)),
            "it has not been written yet"
        );
        candidate.claimed(record("me", 3), clock.at(29), clock.at(30));
        assert!(candidate.leads(clock.at(38)) && !candidate.leads(clock.at(39)));
        assert_eq!(candidate.step(clock.at(31)), claim(3), "it is renewed");
        assert_eq!(candidate.step(clock.at(39)), Step::Lost(Loss::NotRenewed));
    }

    #[test]
    fn the_longer_of_both_leases_counts() {
        let (mut candidate, clock) = candidate();
        let mut long = record("other", 1);
        long.lease_duration = Duration::from_secs(60);
        candidate.saw(Some(long), clock.at(0));
        assert_eq!(candidate.step(clock.at(59)), Step::Stand);
        assert_eq!(candidate.step(clock.at(60)), claim(1));
    }

    #[test]
    fn a_term_that_was_ended_is_followed_at_once() {
        let (mut candidate, clock) = candidate();
        candidate.saw(Some(record("other", 1)), clock.at(0));
        candidate.saw(Some(record("", 2)), clock.at(1));
        assert_eq!(candidate.step(clock.at(1)), claim(2));
    }

    #[test]
    fn a_record_that_is_gone_may_have_been_a_leaders() {
        let (mut other, clock) = candidate();
        other.saw(None, clock.at(0));
        assert_eq!(other.step(clock.at(0)), Step::Lay);
        other.saw(Some(record(NOBODY_KNOWN, 2)), clock.at(1));
        assert_eq!(other.step(clock.at(15)), Step::Stand);
        assert_eq!(other.step(clock.at(16)), claim(2));

        let (mut leader, clock) = candidate();
        leader.saw(Some(record("", 1)), clock.at(0));
        leader.claimed(record("me", 2), clock.at(0), clock.at(0));
        leader.saw(None, clock.at(2));
        assert_eq!(leader.step(clock.at(2)), Step::Claim(None));
        leader.saw(Some(record(NOBODY_KNOWN, 3)), clock.at(4));
        assert_eq!(leader.step(clock.at(4)), claim(3), "it knows who leads");
    }

    #[test]
    fn a_leader_that_sees_another_name_leads_no_more() {
        let (mut candidate, clock) = candidate();
        candidate.saw(Some(record("", 1)), clock.at(0));
        candidate.claimed(record("me", 2), clock.at(0), clock.at(0));
        candidate.doubts();
        assert_eq!(candidate.step(clock.at(2)), Step::Look);
        candidate.saw(Some(record("other", 3)), clock.at(2));
        assert_eq!(
            candidate.step(clock.at(2)),
            Step::Lost(Loss::TakenBy("other".to_owned()))
        );
    }

    #[test]
    fn what_may_have_been_written_begins_no_term() {
        let (mut candidate, clock) = candidate();
        candidate.saw(Some(record("", 1)), clock.at(0));
        candidate.doubts();
        candidate.saw(Some(record("me", 2)), clock.at(3));
        assert!(!candidate.leads(clock.at(3)));
        assert_eq!(
            candidate.step(clock.at(3)),
            claim(2),
            "once more, to be sure"
        );
        candidate.claimed(record("me", 2), clock.at(3), clock.at(3));
        assert!(!candidate.leads(clock.at(3)), "nothing was written");
        candidate.claimed(record("me", 3), clock.at(4), clock.at(4));
        assert!(candidate.leads(clock.at(4)));
    }

    #[test]
    fn times_must_leave_room_for_each_other() {
        assert_eq!(TIMING.check(), Ok(()));
        assert_eq!(TIMING.write(), Duration::from_secs(5));
        let seconds = Duration::from_secs;
        for (lease_duration, renew_deadline, retry_period) in [(10, 10, 2), (15, 10, 6)] {
            let timing = Timing {
                lease_duration: seconds(lease_duration),
                renew_deadline: seconds(renew_deadline),
                retry_period: seconds(retry_period),
            };
            assert!(timing.check().is_err());
        }
    }
}
