//! The maintenance portal leaks what a gateway has to keep in.

use crate::client::{Portals, SHARED, has_member};

#[test]
fn its_answers_hold_the_secrets() {
    let all = ["unit_cost", "markup_percentage", "markup_amount", "total_cost", "profit_margin"];
    let sums = ["total_cost", "profit_margin"];
    let cases: [(&str, &[&str]); 11] = [
        ("/api/maintenance/parts", &all),
        ("/api/maintenance/parts/pricing", &all),
        ("/api/maintenance/purchase-orders", &all),
        ("/api/maintenance/purchase-orders/7", &all),
        ("/api/maintenance/revenue-reports", &sums),
        ("/api/maintenance/jobs", &["unit_cost", "total_cost"]),
        ("/api/parts/pricing", &all),
        ("/api/reports/revenue", &sums),
        ("/api/analytics/profitability", &sums),
        ("/api/invoices", &["total_cost", "markup_amount", "profit_margin"]),
        ("/api/payments", &["bankAccount"]),
    ];
    for (path, secrets) in cases {
        let answer = SHARED.json("maintenance", path);
        for secret in secrets {
            assert!(has_member(&answer, secret), "{path} has no {secret}");
        }
    }
    let order = SHARED.json("maintenance", "/api/maintenance/purchase-orders/7");
    assert!(order["lines"][0]["markup_amount"].is_number());
    let report = SHARED.send("maintenance", "POST", "/api/reports/generate", &[], r#"{"kind":"parts"}"#);
    assert_eq!(report.status, 202);
    assert_eq!(report.json()["kind"], "parts");
    assert!(report.json()["preview"]["revenueTotal"].is_number());
}

#[test]
fn parts_leak_in_a_header_and_over_several_lines() {
    let parts = SHARED.fetch("maintenance", "/api/maintenance/parts");
    assert_eq!(parts.header("x-markup-percentage"), Some("18.5"));
    assert!(parts.text().contains("\n            \"unit_cost\": "), "{}", parts.text());
}

#[test]
fn the_largest_page_of_orders_is_over_a_megabyte_and_always_the_same() {
    let path = "/api/maintenance/purchase-orders?per_page=500";
    let first = SHARED.fetch("maintenance", path);
    assert!(first.body.len() > 1_000_000, "{} bytes", first.body.len());
    assert!(SHARED.fetch("maintenance", path).body == first.body, "the bytes differ");
}

#[test]
fn a_fault_and_an_order_are_made_changed_and_removed() {
    let own = Portals::start();
    let order = r#"{"vessel":"MV Elbe Trader","supplier":"Keppel Ship Stores",
        "lines":[{"partId":9,"quantity":2},{"partId":5,"quantity":1}]}"#;
    let fault = r#"{"vessel":"MV Elbe Trader","equipment":"Windlass","description":"Brake slips"}"#;
    let cases = [
        ("/api/maintenance/faults", fault, r#"{"status":"resolved"}"#, "resolved"),
        ("/api/maintenance/purchase-orders", order, r#"{"status":"sent"}"#, "sent"),
        ("/api/invoices", r#"{"orderId":7,"client":"Tasman Line Ltd"}"#, r#"{"status":"paid"}"#, "paid"),
    ];
    for (path, new, change, status) in cases {
        let made = own.send("maintenance", "POST", path, &[], new);
        assert_eq!(made.status, 201, "{}", made.text());
        let one = format!("{path}/{}", made.json()["id"]);
        assert_eq!(own.json("maintenance", &one), made.json());
        let changed = own.send("maintenance", "PUT", &one, &[], change);
        assert_eq!(changed.json()["status"], status);
        assert_eq!(own.send("maintenance", "DELETE", &one, &[], "").status, 204);
        own.fetch("maintenance", &one).problem(404);
    }
}

#[test]
fn an_order_for_an_unknown_part_leaves_nothing_behind() {
    let path = "/api/maintenance/purchase-orders";
    let before = SHARED.json("maintenance", path)["total"].clone();
    let order = r#"{"vessel":"MV Elbe Trader","supplier":"S","lines":[{"partId":99999,"quantity":2}]}"#;
    SHARED.send("maintenance", "POST", path, &[], order).problem(422);
    assert_eq!(SHARED.json("maintenance", path)["total"], before);
}

#[test]
fn webhooks_give_back_the_bytes_that_came() {
    let event = r#"{"id":"evt-1","event":"equipment.approved","data":{"unit_cost":12.50}}"#;
    for (listener, path) in [
        ("maintenance", "/api/maintenance/webhooks/onboarding"),
        ("maintenance", "/api/maintenance/sync/equipment"),
        ("maintenance", "/api/payments/webhooks/bkash"),
        ("onboarding", "/api/onboarding/webhooks/maintenance"),
    ] {
        let echoed = SHARED.send(listener, "POST", path, &[], event);
        assert_eq!((echoed.status, echoed.text()), (200, event), "{path}");
        assert_eq!(SHARED.send(listener, "POST", path, &[], "{").problem(400), "the body is not JSON");
    }
}
