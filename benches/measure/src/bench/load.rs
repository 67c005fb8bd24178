//! The load generator: clients that ask one after another, or when it is time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::{Ask, Client, Error};

/// What some clients saw.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) requests: u64,
    pub(super) seconds: f64,
    /// From the request, or from when it was due, to the last byte of the answer.
    pub(super) latency_us: Histogram<u64>,
    /// What was not as expected, and how often.
    pub(super) errors: BTreeMap<String, u64>,
}

impl Seen {
    /// # Errors
    /// The histogram's bounds are none, which would be a fault of ours.
    pub(super) fn new() -> Result<Self, Error> {
        let latency_us = Histogram::new_with_bounds(1, MOST_US, 3).map_err(|error| Error::wrong(error.to_string()))?;
        Ok(Self { requests: 0, seconds: 0.0, latency_us, errors: BTreeMap::new() })
    }

    fn saw(&mut self, took: Duration) {
        self.requests += 1;
        // Longer than the clients wait for an answer, so never.
        self.latency_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(MOST_US).max(1));
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.seconds += other.seconds;
        // Both have the same bounds.
        let _ = self.latency_us.add(&other.latency_us);
        for (error, times) in &other.errors {
            *self.errors.entry(error.clone()).or_default() += times;
        }
    }

    /// A percentile in milliseconds.
    pub(super) fn ms_at(&self, percentile: f64) -> f64 {
        self.latency_us.value_at_percentile(percentile) as f64 / 1000.0
    }

    pub(super) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Each client asks, reads the answer, and asks again, for so long, and once at least. Anything but 200 is an error.
pub(super) fn closed(
    clients: &mut [Client],
    slot: Duration,
    ask: &(dyn Fn() -> Result<Ask, Error> + Sync),
) -> Result<Seen, Error> {
    let begin = Instant::now();
    let parts = together(clients, |client, seen| {
        loop {
            let ask = ask()?;
            let sent = Instant::now();
            client.expect(&ask, 200)?;
            seen.saw(sent.elapsed());
            if begin.elapsed() >= slot {
                return Ok(());
            }
        }
    })?;
    Ok(Seen { seconds: begin.elapsed().as_secs_f64(), ..parts })
}

/// Status and body, or why there was no whole answer.
pub(super) type Answer = Result<(u16, Vec<u8>), Error>;

/// What is wrong with the answer to what was due, if something is; when it was due, and when it was there.
pub(super) type Judge<'a> = &'a (dyn Fn(&Due, &Answer, (Instant, Instant)) -> Option<String> + Sync);

/// A request with the status that it must get.
pub(super) struct Due {
    pub(super) ask: Ask,
    pub(super) status: u16,
}

/// So many requests a second whatever becomes of them: each is sent when it is due, and its latency counts from then, so that a pause of
/// the other side is seen by all that fall into it. `judge` says what is wrong with an answer, if something is.
pub(super) fn open(
    clients: &mut [Client],
    (per_second, seconds): (u32, u64),
    first: u64,
    due: &(dyn Fn(u64) -> Result<Due, Error> + Sync),
    judge: Judge<'_>,
) -> Result<Seen, Error> {
    let (next, total) = (AtomicU64::new(0), u64::from(per_second) * seconds);
    let begin = Instant::now();
    let parts = together(clients, |client, seen| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= total {
                return Ok(());
            }
            let request = due(first + number)?;
            let at = begin + Duration::from_secs_f64(number as f64 / f64::from(per_second));
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let answer = client.send_for_body(&request.ask);
            let now = Instant::now();
            seen.saw(now.saturating_duration_since(at));
            if let Some(error) = judge(&request, &answer, (at, now)) {
                *seen.errors.entry(error).or_default() += 1;
            }
        }
    })?;
    Ok(Seen { seconds: begin.elapsed().as_secs_f64(), ..parts })
}

/// All clients at once, and what they saw together.
fn together(
    clients: &mut [Client],
    each: impl Fn(&mut Client, &mut Seen) -> Result<(), Error> + Sync,
) -> Result<Seen, Error> {
    let each = &each;
    thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                scope.spawn(move || {
                    let mut seen = Seen::new()?;
                    each(client, &mut seen).map(|()| seen)
                })
            })
            .collect();
        let mut all = Seen::new()?;
        for thread in threads {
            all.add(&thread.join().map_err(|_| Error::wrong("a client died"))??);
        }
        Ok(all)
    })
}

/// Two minutes: what clients wait at most.
const MOST_US: u64 = 120_000_000;
