//! A service that is dead, mute, mad, slow, and back.

use serde_json::json;

use super::*;

const TIMEOUT_MS: u64 = 100;

fn gateway(on_error: &str, service: &Rc<RefCell<Service>>) -> Gateway {
    let shared = json!({"on_error": on_error, "timeout_ms": TIMEOUT_MS, "circuit": {"failures": 3, "open_ms": 1_000}});
    Gateway::new(&config(5, 60, &shared), 1, service)
}

#[test]
fn on_error_decides_when_there_is_no_answer() {
    for mood in [Mood::Dead, Mood::Mute, Mood::Mad, Mood::Lax] {
        for (on_error, want) in
            [("local", [200, 200, 200, 200, 200, 429, 429]), ("allow", [200; 7]), ("deny", [503; 7])]
        {
            let service = Service::new(100, 60);
            service.borrow_mut().mood = mood;
            let mut gateway = gateway(on_error, &service);
            let got = [(); 7].map(|()| gateway.ask(0));
            assert_eq!(got, want, "{mood:?}, {on_error}");
            let waited = gateway.done.iter().map(|(_, _, ms)| *ms).max().unwrap();
            assert!(waited <= TIMEOUT_MS + STEP_MS, "{mood:?}: {waited} ms");
            assert_eq!(gateway.counter("service.unanswered"), 7);
            let opened = if mood == Mood::Lax { 0 } else { 1 };
            assert_eq!(gateway.counter("service.circuit_opened"), opened, "{mood:?}");
            assert_eq!(gateway.counter("request.unmeasured"), if on_error == "allow" { 7 } else { 0 });
            assert_eq!(gateway.counter("request.refused_no_service"), if on_error == "deny" { 7 } else { 0 });
        }
    }
}

#[test]
fn a_slow_service_is_not_waited_for_longer_than_it_may_take() {
    let service = Service::new(100, 60);
    service.borrow_mut().takes_ms = 10_000;
    let mut gateway = gateway("deny", &service);
    assert_eq!(gateway.send(0), None);
    gateway.step(TIMEOUT_MS - 1);
    assert!(gateway.done.is_empty());
    gateway.step(1);
    assert_eq!(gateway.done, [(0, 503, TIMEOUT_MS)]);
}

#[test]
fn a_dead_service_is_left_alone_and_tried_with_one_call() {
    let service = Service::new(100, 60);
    service.borrow_mut().mood = Mood::Dead;
    let mut gateway = gateway("local", &service);
    for _ in 0..3 {
        gateway.ask(0);
    }
    let calls = || service.borrow().hits.len();
    assert_eq!(calls(), 3);
    // Nobody waits, nobody asks.
    for _ in 0..90 {
        assert!(gateway.send(0).is_some());
        gateway.step(10);
    }
    assert_eq!(calls(), 3);
    // One call for all keys in each such time.
    for n in 0..300 {
        assert!(gateway.from(&format!("192.0.2.{}:1", n % 7)).send(0).is_some());
        gateway.step(10);
    }
    assert!((5..=7).contains(&calls()), "{} calls", calls());
    // It is back: nobody has to say so.
    service.borrow_mut().mood = Mood::Well;
    for n in 0..110 {
        gateway.from(&format!("192.0.2.{}:1", n % 7)).send(0);
        gateway.step(10);
    }
    let before = gateway.counter("service.unanswered");
    assert_eq!(gateway.from("192.0.2.99:1").ask(0), 200);
    assert_eq!(gateway.counter("service.unanswered"), before);
    assert_eq!(gateway.counter("service.circuit_opened"), 1);
}

#[test]
fn what_is_leased_is_spent_while_the_service_is_dead() {
    let service = Service::new(1_000, 60);
    let mut gateway = Gateway::new(&config(1_000, 60, &json!({"on_error": "deny"})), 1, &service);
    for _ in 0..100 {
        gateway.ask(0);
    }
    service.borrow_mut().mood = Mood::Dead;
    let left = service.borrow().hits.iter().sum::<u32>() - 100;
    assert!(left > 0);
    for _ in 0..left {
        assert_eq!(gateway.ask(0), 200);
    }
    assert_eq!(gateway.ask(0), 503);
}

#[test]
fn a_refusal_is_remembered_while_the_service_is_dead() {
    let service = Service::new(2, 60);
    let mut gateway = Gateway::new(&config(2, 60, &json!({"on_error": "allow"})), 1, &service);
    assert_eq!([(); 3].map(|()| gateway.ask(0)), [200, 200, 429]);
    service.borrow_mut().mood = Mood::Dead;
    assert_eq!(gateway.ask(0), 429);
}

#[test]
fn an_answer_that_comes_too_late_grants_nothing() {
    let service = Service::new(100, 60);
    let mut gateway = gateway("deny", &service);
    gateway.send(0);
    gateway.step(0);
    let (_, id, _, result) = gateway.process.calls.pop_back().expect("a call");
    gateway.step(TIMEOUT_MS + 1_000);
    assert_eq!(gateway.done[0].1, 503);
    service.borrow_mut().mood = Mood::Dead;
    gateway.workers[0].call_result(id, result, &mut gateway.process);
    assert_eq!(gateway.ask(0), 503, "nothing was leased");
    assert!(gateway.process.calls.is_empty());
}

#[test]
fn nothing_grows_without_end() {
    let service = Service::new(100, 60);
    service.borrow_mut().takes_ms = 90;
    let mut gateway = gateway("deny", &service);
    for n in 0..3_000 {
        gateway.from(&format!("10.0.{}.{}:1", n / 250, n % 250)).send(0);
    }
    assert_eq!(gateway.waiting.len(), super::super::MAX_WAITING);
    gateway.step(0);
    assert_eq!(gateway.process.calls.len(), super::super::MAX_PENDING);
    gateway.settle();
    let refused = gateway.done.iter().filter(|(_, status, _)| *status == 503).count();
    assert!(refused >= 3_000 - super::super::MAX_WAITING, "{refused}");
    // And all is forgotten.
    service.borrow_mut().takes_ms = 1;
    for _ in 0..100 {
        gateway.step(100);
    }
    assert_eq!(gateway.from("192.0.2.77:1").ask(0), 200);
}

#[test]
fn a_descriptor_without_a_limit_is_no_failure_of_the_service() {
    let service = Service::new(1, 60);
    service.borrow_mut().mood = Mood::Lax;
    let mut gateway = gateway("allow", &service);
    for n in 0..20 {
        assert_eq!(gateway.from(&format!("192.0.2.{n}:1")).ask(0), 200);
    }
    assert_eq!([gateway.counter("service.failed"), gateway.counter("service.circuit_opened")], [20, 0]);
    let calls = || service.borrow().hits.len();
    assert_eq!(calls(), 20);
    // For a while nobody waits for it, and nobody asks.
    assert_eq!(gateway.send(0), Some(200));
    gateway.step(STEP_MS);
    assert_eq!(calls(), 20);
    // Others are measured.
    service.borrow_mut().mood = Mood::Well;
    assert_eq!([(); 2].map(|()| gateway.from("192.0.2.99:1").ask(0)), [200, 429]);
    // And so is this one, when it has a limit.
    gateway.step(1_000);
    service.borrow_mut().counts.clear();
    assert_eq!([(); 2].map(|()| gateway.from("192.0.2.19:1").ask(0)), [200, 429]);
}

#[test]
fn too_many_that_wait_get_nobody_past_a_limit() {
    use super::super::{MAX_WAITING, MAX_WISHES};
    for (on_error, want) in [("local", 200), ("allow", 503), ("deny", 503)] {
        let service = Service::new(100, 60);
        service.borrow_mut().takes_ms = 90;
        let mut gateway = gateway(on_error, &service);
        let wait = |gateway: &mut Gateway, from: usize, to: usize| {
            for n in from..to {
                assert_eq!(gateway.from(&format!("10.0.{}.{}:1", n / 250, n % 250)).send(0), None);
            }
        };
        wait(&mut gateway, 0, MAX_WAITING);
        assert_eq!(gateway.from("192.0.2.1:1").send(0), Some(want), "{on_error}: too many wait");
        // They go away; what they and the one that was too many have wished for stays.
        gateway.waiting.clear();
        wait(&mut gateway, MAX_WAITING, MAX_WISHES - 1);
        assert_eq!(gateway.from("192.0.2.2:1").send(0), Some(want), "{on_error}: too many wishes");
        assert_eq!(gateway.counter("request.refused_busy"), if want == 503 { 2 } else { 0 });
        assert_eq!(gateway.counter("request.refused_no_service"), 0);
        assert_eq!(gateway.counter("request.unmeasured"), 0);
    }
}

/// Two shared policies for two paths.
fn two(service: &Rc<RefCell<Service>>, shared: &Value) -> Gateway {
    policies(&["one", "two"], service, shared)
}

/// Shared policies, each for the path with its name.
fn policies(names: &[&str], service: &Rc<RefCell<Service>>, shared: &Value) -> Gateway {
    let mut config = config(100, 60, shared);
    let policy = |name: &&str| json!({"name": name, "match": {"paths": [format!("/{name}")]}, "key": ["address"], "limit": 100, "window_s": 60});
    config["policies"] = names.iter().map(policy).collect();
    Gateway::new(&config, 1, service)
}

fn send_from(gateway: &mut Gateway, n: usize) -> Option<u16> {
    gateway.from(&format!("10.0.{}.{}:1", n / 250, n % 250)).send(0)
}

#[test]
fn no_policy_takes_the_places_of_another() {
    use super::super::{MAX_WAITING, MAX_WISHES};
    for on_error in ["allow", "deny"] {
        let service = Service::new(100, 60);
        service.borrow_mut().takes_ms = 90;
        let mut gateway = two(&service, &json!({"on_error": on_error}));
        for n in 0..MAX_WAITING / 2 {
            assert_eq!(send_from(gateway.to("/one"), n), None);
        }
        assert_eq!(send_from(gateway.to("/one"), 1_000), Some(503), "its places are taken");
        assert_eq!(send_from(gateway.to("/two"), 1_000), None, "the other's are not");
        // They go away; what they have wished for stays.
        gateway.waiting.clear();
        for n in MAX_WAITING / 2..MAX_WISHES / 2 - 1 {
            assert_eq!(send_from(gateway.to("/one"), n), None);
            if n % 100 == 0 {
                gateway.waiting.clear();
            }
        }
        gateway.waiting.clear();
        assert_eq!(send_from(gateway.to("/one"), 2_000), Some(503), "its wishes are too many");
        assert_eq!(send_from(gateway.to("/two"), 2_000), None, "the other's are not");
    }
}

#[test]
fn no_policy_takes_all_calls() {
    use super::super::MAX_PENDING;
    let service = Service::new(100, 60);
    service.borrow_mut().takes_ms = 50;
    let mut gateway = two(&service, &json!({"on_error": "deny", "timeout_ms": 5_000}));
    for n in 0..250 {
        send_from(gateway.to("/one"), n);
    }
    for n in 0..MAX_PENDING / 2 {
        send_from(gateway.to("/two"), n);
    }
    gateway.step(0);
    assert_eq!(gateway.process.calls.len(), MAX_PENDING);
    gateway.step(50);
    let two = |gateway: &Gateway| gateway.done.iter().filter(|(n, status, _)| *n >= 250 && *status == 200).count();
    assert_eq!(two(&gateway), MAX_PENDING / 2, "half of the calls were for the few");
    // What the others do not want is for the one that does.
    assert_eq!(gateway.process.calls.len(), MAX_PENDING);
    gateway.settle();
    assert_eq!(gateway.admitted(), 250 + MAX_PENDING / 2);
}

/// Two that flood leave the third its call, wherever its key stands among theirs.
#[test]
fn two_policies_do_not_take_all_calls_of_a_third() {
    use super::super::MAX_PENDING;
    for n in 0..8 {
        let service = Service::new(100, 60);
        service.borrow_mut().takes_ms = 50;
        let mut gateway =
            policies(&["one", "two", "three"], &service, &json!({"on_error": "deny", "timeout_ms": 5_000}));
        for n in 0..200 {
            send_from(gateway.to("/one"), n);
            send_from(gateway.to("/two"), n);
        }
        send_from(gateway.to("/three"), n);
        gateway.step(0);
        assert_eq!(gateway.process.calls.len(), MAX_PENDING);
        gateway.step(50);
        assert!(gateway.done.iter().any(|(n, status, _)| (*n, *status) == (400, 200)), "{n}: asked for with the first");
    }
}

/// What is only remembered takes nobody's place: here, that the service knows no limit for these.
#[test]
fn what_is_over_makes_room_for_what_waits() {
    use super::super::{MAX_PENDING, MAX_WISHES};
    let service = Service::new(100, 60);
    service.borrow_mut().mood = Mood::Lax;
    let mut gateway = two(&service, &json!({"on_error": "allow", "timeout_ms": 500}));
    for n in 0..MAX_WISHES {
        assert_ne!(send_from(gateway.to("/one"), n), Some(503), "{n}");
        if n % MAX_PENDING == 0 {
            gateway.settle();
        }
    }
    gateway.settle();
    assert!(gateway.done.iter().all(|(_, status, _)| *status == 200));
}

#[test]
fn who_found_no_call_is_one_too_many() {
    use super::super::MAX_PENDING;
    for (on_error, want) in [("local", 200), ("allow", 503), ("deny", 503)] {
        let service = Service::new(100, 60);
        service.borrow_mut().takes_ms = 10_000;
        let shared = json!({"on_error": on_error, "timeout_ms": TIMEOUT_MS, "circuit": {"failures": 100}});
        let mut gateway = Gateway::new(&config(5, 60, &shared), 1, &service);
        for n in 0..MAX_PENDING + 8 {
            assert_eq!(send_from(&mut gateway, n), None);
        }
        gateway.step(0);
        gateway.step(TIMEOUT_MS - 1);
        assert!(gateway.done.is_empty());
        gateway.step(1);
        // The service has not answered the others: that is for `on_error` to decide.
        let without_call = gateway.done.iter().filter(|(_, status, _)| *status == want).count();
        let asked = if on_error == "allow" { 200 } else { want };
        let answered = gateway.done.iter().filter(|(_, status, _)| *status == asked).count();
        let all = MAX_PENDING + 8;
        let expected = if on_error == "allow" { (8, MAX_PENDING) } else { (all, all) };
        assert_eq!((without_call, answered), expected, "{on_error}");
        assert_eq!(gateway.counter("request.refused_busy"), if want == 503 { 8 } else { 0 }, "{on_error}");
    }
}

#[test]
fn there_is_nothing_to_do_without_a_service() {
    let mut config = config(5, 60, &json!({}));
    config.as_object_mut().unwrap().remove("shared");
    let policy = Policy::from_json(config.to_string().as_bytes()).unwrap();
    assert_eq!(policy.tick_ms(), None);
    assert!(policy.counters().iter().all(|name| !name.contains("service.")));
}
