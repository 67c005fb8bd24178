//! The circuit breaker: a service that does not answer is left alone for a while, and then tried with a single call.

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// So many calls in a row fail.
    pub(super) failures: u32,
    pub(super) open_ms: u64,
}

/// The circuit of one VM.
#[derive(Debug)]
pub(super) struct Circuit {
    settings: Settings,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The service answers; the last so many calls have failed.
    Closed { failures: u32 },
    /// Nothing is asked.
    Open { since_ms: u64 },
    /// One call is under way that decides, until then at most.
    Probing { since_ms: u64, call_ms: u64 },
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admits {
    Calls,
    /// The one that decides.
    Probe,
    Nothing,
}

impl Circuit {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Whether the service answers, as far as is known: only then may a request wait for it.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    pub(super) fn admits(&self, now_ms: u64) -> Admits {
        match self.state {
            State::Closed { .. } => Admits::Calls,
            State::Open { since_ms } if passed(now_ms, since_ms, self.settings.open_ms) => Admits::Probe,
            State::Probing { since_ms, call_ms } if passed(now_ms, since_ms, call_ms) => Admits::Probe,
            State::Open { .. } | State::Probing { .. } => Admits::Nothing,
        }
    }

    /// A call is made that takes so long at most.
    pub(super) fn asks(&mut self, now_ms: u64, call_ms: u64) {
        if !self.is_closed() {
            self.state = State::Probing { since_ms: now_ms, call_ms };
        }
    }

    /// A call was answered.
    pub(super) fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// A call was not; whether that opens the circuit.
    pub(super) fn failed(&mut self, now_ms: u64) -> bool {
        let (state, opens) = match self.state {
            State::Closed { failures } if failures.saturating_add(1) < self.settings.failures => {
                (State::Closed { failures: failures.saturating_add(1) }, false)
            }
            State::Closed { .. } => (State::Open { since_ms: now_ms }, true),
            State::Probing { .. } => (State::Open { since_ms: now_ms }, false),
            // One that began before it opened.
            State::Open { since_ms } => (State::Open { since_ms }, false),
        };
        self.state = state;
        opens
    }
}

/// Whether so much time has passed; also when the clock went back behind `since_ms`.
fn passed(now_ms: u64, since_ms: u64, span_ms: u64) -> bool {
    now_ms < since_ms || now_ms.saturating_sub(since_ms) >= span_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(at_ms: u64) -> Circuit {
        let mut circuit = Circuit::new(Settings { failures: 3, open_ms: 1_000 });
        assert_eq!([(); 3].map(|()| circuit.failed(at_ms)), [false, false, true]);
        circuit
    }

    #[test]
    fn so_many_failures_in_a_row_open_it() {
        let mut circuit = Circuit::new(Settings { failures: 3, open_ms: 1_000 });
        for _ in 0..2 {
            assert_eq!([circuit.failed(5), circuit.failed(5)], [false, false]);
            assert!(circuit.is_closed());
            assert_eq!(circuit.admits(5), Admits::Calls);
            circuit.succeeded();
        }
        assert!(!open(5).is_closed());
    }

    #[test]
    fn one_call_decides_whether_it_closes() {
        for (name, now_ms, want) in [
            ("at once", 5_000, Admits::Nothing),
            ("just before", 5_999, Admits::Nothing),
            ("after the time", 6_000, Admits::Probe),
            ("the clock went back", 4_999, Admits::Probe),
        ] {
            assert_eq!(open(5_000).admits(now_ms), want, "{name}");
        }
        let mut circuit = open(5_000);
        circuit.asks(6_000, 300);
        assert_eq!(circuit.admits(6_000), Admits::Nothing, "one at a time");
        assert!(!circuit.is_closed(), "nobody waits for it");
        assert!(!circuit.failed(6_100), "it was open");
        assert_eq!([circuit.admits(7_099), circuit.admits(7_100)], [Admits::Nothing, Admits::Probe]);
        circuit.asks(7_100, 300);
        // Its end never comes.
        assert_eq!([circuit.admits(7_399), circuit.admits(7_400)], [Admits::Nothing, Admits::Probe]);
        circuit.asks(7_400, 300);
        circuit.succeeded();
        assert!(circuit.is_closed());
    }

    #[test]
    fn calls_that_began_before_it_opened_do_not_prolong_it() {
        let mut circuit = open(5_000);
        assert!(!circuit.failed(5_900));
        assert_eq!(circuit.admits(6_000), Admits::Probe);
    }
}
