//! Leases: how many calls they take, who shares them, and when they end.

use serde_json::json;

use super::*;

#[test]
fn a_key_that_comes_once_takes_one_hit() {
    let service = Service::new(100, 60);
    let mut gateway = Gateway::new(&config(100, 60, &json!({})), 1, &service);
    assert_eq!(gateway.ask(0), 200);
    for _ in 0..100 {
        gateway.step(STEP_MS);
    }
    assert_eq!(service.borrow().hits, [1], "nothing is leased that nobody asks for");
    assert_eq!(gateway.from("192.0.2.2:1").ask(0), 200);
    assert_eq!(service.borrow().hits, [1, 1]);
}

#[test]
fn demand_doubles_leases_and_saves_calls() {
    let service = Service::new(60_000, 60);
    let mut gateway = Gateway::new(&config(60_000, 60, &json!({})), 1, &service);
    // 500 a second, for 50 seconds.
    for _ in 0..25_000 {
        gateway.send(0);
        gateway.step(2);
    }
    gateway.settle();
    assert_eq!(gateway.admitted(), 25_000);
    let (calls, waited) = (service.borrow().hits.len(), gateway.done.iter().filter(|(_, _, ms)| *ms > 0).count());
    assert!(calls * 500 < 25_000, "{calls} calls");
    assert!(waited < 20, "{waited} of 25,000 waited");
    assert_eq!(service.borrow().hits.iter().max(), Some(&4_096), "a tenth of the limit, as a power of two");
    assert_eq!(gateway.counter("service.asked"), calls as u64);
    assert_eq!(gateway.counter("service.granted"), calls as u64);
    assert_eq!(gateway.counter("all.allowed"), 25_000);
}

#[test]
fn less_demand_makes_leases_smaller() {
    let service = Service::new(10_000, 600);
    let mut gateway = Gateway::new(&config(10_000, 600, &json!({"lease": {"period_ms": 1_000}})), 1, &service);
    for _ in 0..5_000 {
        gateway.send(0);
        gateway.step(2);
    }
    let large = *service.borrow().hits.last().unwrap();
    // One in two seconds.
    let calls = service.borrow().hits.len();
    for _ in 0..300 {
        gateway.send(0);
        gateway.step(1_000);
        gateway.step(1_000);
    }
    let small = *service.borrow().hits.last().unwrap();
    assert!(large >= 256 && small <= 4, "{large}, then {small}: {:?}", &service.borrow().hits[calls..]);
}

#[test]
fn workers_of_a_process_spend_one_lease_and_one_of_them_asks() {
    let service = Service::new(1_000, 60);
    let mut gateway = Gateway::new(&config(1_000, 60, &json!({})), 4, &service);
    for worker in 0..4 {
        assert_eq!(gateway.send(worker), None);
    }
    gateway.step(0);
    assert_eq!(service.borrow().hits.len(), 1, "one asks");
    gateway.settle();
    assert_eq!(gateway.admitted(), 4);
    for worker in (0..4).cycle().take(200) {
        assert_eq!(gateway.ask(worker), 200);
    }
    assert!(service.borrow().hits.len() < 20, "{:?}", service.borrow().hits);
}

#[test]
fn those_that_wait_together_are_served_by_few_calls() {
    let service = Service::new(10_000, 60);
    let mut gateway = Gateway::new(&config(10_000, 60, &json!({})), 1, &service);
    for _ in 0..300 {
        assert_eq!(gateway.send(0), None);
    }
    gateway.settle();
    assert_eq!(gateway.admitted(), 300);
    assert_eq!(service.borrow().hits, [1, 512], "the first, then as many as wait");
}

#[test]
fn the_limit_is_spent_to_the_last_hit_and_refusals_are_remembered() {
    for counts_refused in [true, false] {
        let service = Service::new(100, 60);
        service.borrow_mut().counts_refused = counts_refused;
        let mut gateway = Gateway::new(&config(100, 60, &json!({})), 2, &service);
        let statuses: Vec<u16> = (0..300).map(|n| gateway.ask(n % 2)).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 100, "{counts_refused}");
        assert!(statuses[..100].iter().all(|status| *status == 200));
        let calls = service.borrow().hits.len();
        assert!(calls < 60, "{calls}: {:?}", service.borrow().hits);
        // Nobody asks or waits any more.
        for _ in 0..1_000 {
            assert_eq!(gateway.send(0), Some(429));
        }
        assert_eq!(service.borrow().hits.len(), calls);
        // Until the service's window ends.
        let rest_ms = NOW + 60_000 - gateway.now_ms();
        gateway.step(rest_ms - 2_000);
        assert_eq!(gateway.send(0), Some(429));
        gateway.step(2_000);
        assert_eq!(gateway.ask(0), 200);
    }
}

#[test]
fn what_another_gateway_has_spent_is_refused_here() {
    let service = Service::new(50, 60);
    let mut gateways = [(); 2].map(|()| Gateway::new(&config(50, 60, &json!({})), 1, &service));
    for _ in 0..200 {
        gateways[0].ask(0);
    }
    assert_eq!(gateways[0].admitted(), 50);
    assert_eq!(gateways[1].ask(0), 429);
    let refused = gateways[1].counter("all.refused");
    assert_eq!((refused, gateways[1].counter("service.refused")), (1, 1));
}

#[test]
fn a_lease_ends_with_its_window() {
    let service = Service::new(1_000, 10);
    let mut gateway = Gateway::new(&config(1_000, 10, &json!({"lease": {"period_ms": 60_000}})), 1, &service);
    for _ in 0..100 {
        gateway.ask(0);
    }
    let hits = service.borrow().hits.iter().sum::<u32>();
    assert!(hits > 100, "some are left: {hits}");
    let rest_ms = NOW + 10_000 - gateway.now_ms();
    gateway.step(rest_ms - 1_001);
    assert_eq!(gateway.send(0), Some(200), "still in its window");
    let calls = service.borrow().hits.len();
    gateway.step(1_001);
    assert_eq!(gateway.send(0), None, "what is left of it is lost");
    gateway.settle();
    assert_eq!(service.borrow().hits.len(), calls + 1);
}

#[test]
fn all_or_nothing_holds_with_local_policies() {
    let service = Service::new(1_000, 60);
    let mut config = config(1_000, 60, &json!({}));
    let local = json!({"name": "local", "match": {"paths": ["/**"]}, "key": ["address"], "limit": 3, "window_s": 60, "shared": false});
    config["policies"].as_array_mut().unwrap().push(local);
    config["penalties"] = json!([{"name": "flood", "flood": {"per_second": 8, "sustained_s": 1}, "block_s": 60}]);
    let mut gateway = Gateway::new(&config, 1, &service);
    let statuses: Vec<u16> = (0..5).map(|_| gateway.ask(0)).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let calls = service.borrow().hits.len();
    assert_eq!(gateway.send(0), Some(429), "refused here: nothing is asked");
    assert_eq!(service.borrow().hits.len(), calls);
    assert_eq!((gateway.counter("all.allowed"), gateway.counter("local.allowed")), (3, 3));
    // Those that have waited were counted once: nine are no flood, the tenth is one.
    assert_eq!([(); 3].map(|()| gateway.send(0)), [Some(429); 3]);
    assert_eq!(gateway.counter("flood.imposed"), 0);
    gateway.send(0);
    assert_eq!(gateway.counter("flood.imposed"), 1);
}

#[test]
fn a_policy_in_shadow_makes_nobody_wait() {
    let service = Service::new(3, 60);
    let mut config = config(3, 60, &json!({}));
    config["policies"][0]["mode"] = json!("shadow");
    let mut gateway = Gateway::new(&config, 1, &service);
    for _ in 0..20 {
        assert_eq!(gateway.send(0), Some(200));
        gateway.step(STEP_MS);
        gateway.step(STEP_MS);
    }
    assert!(gateway.counter("all.shadow_refused") > 10);
    assert_eq!(gateway.counter("all.refused"), 0);
}

#[test]
fn costs_are_leased_whole() {
    let service = Service::new(100, 60);
    let mut config = config(100, 60, &json!({}));
    config["policies"][0]["cost"] = json!(30);
    let mut gateway = Gateway::new(&config, 1, &service);
    assert_eq!([(); 5].map(|()| gateway.ask(0)), [200, 200, 200, 429, 429]);
    assert_eq!(service.borrow().hits, [30; 4]);
}

#[test]
fn descriptors_name_the_rule_and_hash_the_caller() {
    let service = Service::new(100, 60);
    let mut config = config(100, 60, &json!({}));
    config["policies"][0]["key"] =
        json!(["path", {"header": "X-Key"}, "address", "consumer", "method", {"constant": "unseen"}]);
    config["policies"][0]["tiers"] = json!([{"name": "gold", "when": {"roles": ["GOLD"]}, "limit": 50}]);
    let mut gateway = Gateway::new(&config, 1, &service);
    let identity: crate::identity::Identity =
        serde_json::from_value(json!({"subject": "alice", "roles": ["GOLD"], "permissions": []})).unwrap();
    gateway.process.memory.set_attribute(&[crate::identity::FILTER_STATE], &identity.to_record());
    assert_eq!(gateway.ask(0), 200);
    let calls = &service.borrow().calls;
    let hash = "0123456789abcdef";
    let shown: Vec<(&str, &str)> = calls[0].iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let [policy, tier, address, consumer, method, path, header] = shown[..] else { panic!("{shown:?}") };
    assert_eq!([policy, tier], [("policy", "all"), ("tier", "gold")]);
    assert_eq!([method, path], [("method", "GET"), ("path", "/**")]);
    // `printf =alice | sha256sum | cut -c1-32`
    assert_eq!(consumer, ("consumer", "79fdd8f7a0205ad879b0e19d405b75b5"));
    for (key, value) in [address, header] {
        assert!(["address", "header.x-key"].contains(&key));
        assert!(value.len() == 32 && value.chars().all(|digit| hash.contains(digit)), "{value}");
    }
}
