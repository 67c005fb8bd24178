//! Whatever gateways, clients and the service do: how much is admitted stays within what the module says.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// So many windows of the service.
const WINDOWS: u64 = 4;
const WINDOW_S: u64 = 3;
const GATEWAYS: usize = 2;

/// What happens for a while.
#[derive(Clone, Copy, Debug)]
struct Phase {
    /// How many requests come in a step at each gateway.
    requests: [usize; GATEWAYS],
    steps: u64,
    fails: bool,
    takes_ms: u64,
}

fn phase() -> impl Strategy<Value = Phase> {
    let requests = [0_usize..4, 0_usize..4];
    (requests, 1_u64..200, prop::bool::weighted(0.1), 0_u64..40).prop_map(|(requests, steps, fails, takes_ms)| Phase {
        requests,
        steps,
        fails,
        takes_ms,
    })
}

/// Admitted in each window of the service.
fn admitted(limit: u32, counts_refused: bool, says: bool, offset_ms: u64, phases: &[Phase]) -> (Vec<u64>, u32) {
    let service = Service::new(limit, WINDOW_S);
    (service.borrow_mut().counts_refused, service.borrow_mut().says) = (counts_refused, says);
    let shared = json!({"on_error": "deny", "lease": {"period_ms": 500}, "circuit": {"open_ms": 100}});
    let mut gateways = [(); GATEWAYS].map(|()| Gateway::new(&config(limit, WINDOW_S, &shared), 2, &service));
    for gateway in &mut gateways {
        gateway.step(offset_ms);
    }
    let mut windows = vec![0; WINDOWS as usize + 1];
    let mut steps = phases.iter().cycle().flat_map(|phase| (0..phase.steps).map(move |_| phase));
    while let Some(phase) = steps.next().filter(|_| gateways[0].now_ms() < NOW + WINDOWS * WINDOW_S * 1_000) {
        service.borrow_mut().mood = if phase.fails { Mood::Mute } else { Mood::Well };
        service.borrow_mut().takes_ms = phase.takes_ms;
        for (gateway, requests) in gateways.iter_mut().zip(phase.requests) {
            for n in 0..requests {
                gateway.send(n % 2);
            }
            gateway.step(2 * STEP_MS);
            let window = (gateway.now_ms() - NOW) / (WINDOW_S * 1_000);
            let admitted = gateway.done.drain(..).filter(|(_, status, _)| *status == 200).count();
            windows[window as usize] += admitted as u64;
        }
    }
    let most_left = gateways[0].workers[0].0.config.policies[0].base.leased.as_ref().unwrap().terms.most_left();
    (windows, most_left)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(target_family = "wasm") { 4 } else { 24 }))]

    #[test]
    fn no_schedule_admits_more_than_the_bound(
        limit in prop_oneof![1_u32..20, 20_u32..400],
        counts_refused: bool,
        says: bool,
        offset_ms in 0_u64..3_000,
        phases in prop::collection::vec(phase(), 1..8),
    ) {
        let (windows, most_left) = admitted(limit, counts_refused, says, offset_ms, &phases);
        let over = GATEWAYS as u64 * u64::from(most_left);
        let limit = u64::from(limit);
        // A process that has just begun has nothing left of the window before.
        prop_assert!(windows[0] <= limit, "{windows:?} of {limit}");
        let mut all = 0;
        for (n, admitted) in (1..).zip(&windows) {
            all += admitted;
            prop_assert!(*admitted <= limit + over, "{windows:?} of {limit} and {over}");
            prop_assert!(all <= n * limit + over, "{windows:?} of {limit} and {over}");
        }
    }
}

#[test]
fn whoever_comes_often_enough_gets_nearly_all() {
    for (limit, counts_refused) in [(50, true), (50, false), (400, true), (400, false)] {
        let phase = Phase { requests: [3, 2], steps: 100, fails: false, takes_ms: 1 };
        let (windows, most_left) = admitted(limit, counts_refused, true, 0, &[phase]);
        let lost = 2 * GATEWAYS as u64 * u64::from(most_left);
        for admitted in &windows[..WINDOWS as usize] {
            assert!(admitted + lost >= u64::from(limit), "{windows:?} of {limit}, {lost} may be lost");
        }
    }
}
