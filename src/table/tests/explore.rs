//! All interleavings of a few workers, at the calls that they make to the host.
//!
//! A worker is a function of what the host answers. To take one step it runs again from the beginning, is given the
//! answers that it got before, makes one more call for real, and gets no answer to the next one (as from a host that shares
//! nothing); what it says then does not count. When it makes no further call, it is done. Where workers' answers and the
//! slots are equal, the way there does not matter: such states are visited once, and their ways are counted.

use std::collections::{BTreeMap, HashMap};

use crate::host::{Host, Slot, Written};
use crate::replay::MemoryHost;

/// What a worker does.
pub(super) type Script<'a, R> = &'a dyn Fn(&mut dyn Host) -> R;

/// How often workers may die between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deaths {
    None,
    Any,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Explored {
    /// Ways through, to the end of all workers.
    pub(super) interleavings: u128,
    /// Different states on them.
    pub(super) states: usize,
}

/// Runs all interleavings over these slots, and `check`s the slots and results (`None`: died) at each end.
pub(super) fn explore<R>(
    slots: &BTreeMap<String, Slot>,
    workers: &[Script<'_, R>],
    deaths: Deaths,
    check: &mut dyn FnMut(MemoryHost, Vec<Option<R>>),
) -> Explored {
    let mut explorer = Explorer { workers, deaths, check, seen: HashMap::new() };
    let state = State { slots: slots.clone(), workers: workers.iter().map(|_| Worker::Runs(Vec::new())).collect() };
    let interleavings = explorer.ways(&state);
    Explored { interleavings, states: explorer.seen.len() }
}

#[derive(Clone)]
struct State {
    slots: BTreeMap<String, Slot>,
    workers: Vec<Worker>,
}

#[derive(Clone)]
enum Worker {
    Runs(Vec<Answer>),
    Done(Vec<Answer>),
    Dead,
}

#[derive(Clone)]
enum Answer {
    Slot(Slot),
    Written(Written),
}

struct Explorer<'a, R> {
    workers: &'a [Script<'a, R>],
    deaths: Deaths,
    check: &'a mut dyn FnMut(MemoryHost, Vec<Option<R>>),
    seen: HashMap<Vec<u8>, u128>,
}

impl<R> Explorer<'_, R> {
    fn ways(&mut self, state: &State) -> u128 {
        let name = state.name();
        if let Some(&ways) = self.seen.get(&name) {
            return ways;
        }
        let mut ways = 0;
        let mut is_end = true;
        for (place, worker) in state.workers.iter().enumerate() {
            let Worker::Runs(answers) = worker else { continue };
            is_end = false;
            ways += self.ways(&self.step(state, place, answers));
            if self.deaths == Deaths::Any && !answers.is_empty() {
                let mut dead = state.clone();
                dead.workers[place] = Worker::Dead;
                ways += self.ways(&dead);
            }
        }
        if is_end {
            let results = self.workers.iter().zip(&state.workers).map(|(script, worker)| match worker {
                Worker::Done(answers) => Some(script(&mut Played::new(answers, None))),
                Worker::Dead => None,
                Worker::Runs(_) => unreachable!("the end"),
            });
            let results = results.collect();
            (self.check)(state.host(), results);
            ways = 1;
        }
        self.seen.insert(name, ways);
        ways
    }

    fn step(&self, state: &State, place: usize, answers: &[Answer]) -> State {
        let mut host = state.host();
        let mut played = Played::new(answers, Some(&mut host));
        (self.workers[place])(&mut played);
        let (answer, starved) = (played.answer.take(), played.starved);
        let mut answers = answers.to_vec();
        answers.extend(answer);
        let mut workers = state.workers.clone();
        workers[place] = if starved { Worker::Runs(answers) } else { Worker::Done(answers) };
        State { slots: host.slots, workers }
    }
}

impl State {
    /// A host with these slots. Its counter goes on where the latest of them was written, as all of them were.
    fn host(&self) -> MemoryHost {
        let stamps = self.slots.values().map(|slot| slot.stamp).max().unwrap_or_default();
        MemoryHost { slots: self.slots.clone(), stamps, ..MemoryHost::default() }
    }

    /// All of it, as bytes.
    fn name(&self) -> Vec<u8> {
        let mut name = Vec::new();
        let put = |name: &mut Vec<u8>, slot: &Slot| {
            name.extend_from_slice(&slot.stamp.to_le_bytes());
            name.extend_from_slice(&slot.bytes.len().to_le_bytes());
            name.extend_from_slice(&slot.bytes);
        };
        for (key, slot) in &self.slots {
            name.extend_from_slice(key.as_bytes());
            put(&mut name, slot);
        }
        for worker in &self.workers {
            let answers = match worker {
                Worker::Runs(answers) | Worker::Done(answers) => answers,
                Worker::Dead => {
                    name.push(0);
                    continue;
                }
            };
            name.extend_from_slice(&[if matches!(worker, Worker::Done(_)) { 1 } else { 2 }]);
            for answer in answers {
                match answer {
                    Answer::Slot(slot) => put(&mut name, slot),
                    Answer::Written(written) => name.push(*written as u8),
                }
            }
        }
        name
    }
}

/// A host that repeats answers, then gives one more, then none.
struct Played<'a> {
    answers: std::slice::Iter<'a, Answer>,
    host: Option<&'a mut MemoryHost>,
    answer: Option<Answer>,
    starved: bool,
}

impl<'a> Played<'a> {
    fn new(answers: &'a [Answer], host: Option<&'a mut MemoryHost>) -> Self {
        Self { answers: answers.iter(), host, answer: None, starved: false }
    }

    fn next(&mut self, call: impl FnOnce(&mut MemoryHost) -> Answer) -> Option<Answer> {
        if let Some(answer) = self.answers.next() {
            return Some(answer.clone());
        }
        self.answer = match self.host.take() {
            Some(host) => Some(call(host)),
            None => {
                self.starved = true;
                return None;
            }
        };
        self.answer.clone()
    }
}

impl Host for Played<'_> {
    fn slot(&mut self, key: &str) -> Option<Slot> {
        match self.next(|host| Answer::Slot(host.slot(key).expect("a slot"))) {
            Some(Answer::Slot(slot)) => Some(slot),
            Some(Answer::Written(_)) => panic!("a worker does other things with the same answers"),
            None => None,
        }
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        match self.next(|host| Answer::Written(host.set_slot(key, bytes, stamp))) {
            Some(Answer::Written(written)) => written,
            Some(Answer::Slot(_)) => panic!("a worker does other things with the same answers"),
            None => Written::Unavailable,
        }
    }

    nothing_but_slots!();
}

/// The explorer itself: a worker that writes what it read plus one, with and without a look at the stamp.
#[test]
fn the_explorer_finds_a_lost_update() {
    let worker = |stamp: fn(u32) -> u32| {
        move |host: &mut dyn Host| {
            for _ in 0..4 {
                let Some(slot) = host.slot("x") else { return };
                let bytes = [slot.bytes.first().copied().unwrap_or(0) + 1];
                if host.set_slot("x", &bytes, stamp(slot.stamp)) != Written::Changed {
                    return;
                }
            }
        }
    };
    let cases: [(&str, fn(u32) -> u32, u8, u128); 3] = [
        ("unconditional", |_| 0, 1, 6),
        ("compared, but for the creation", |stamp| stamp, 1, 6),
        ("compared", |stamp| if stamp == 0 { u32::MAX } else { stamp }, 2, 6),
    ];
    for (name, stamp, least, interleavings) in cases {
        let worker = worker(stamp);
        let mut counts = Vec::new();
        let explored = explore(&BTreeMap::new(), &[&worker, &worker], Deaths::None, &mut |host, _| {
            counts.push(host.slots["x"].bytes[0]);
        });
        assert_eq!(counts.iter().min(), Some(&least), "{name}");
        assert!(explored.interleavings >= interleavings, "{name}: {explored:?}");
    }
}
