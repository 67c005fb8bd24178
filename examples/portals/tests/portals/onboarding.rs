//! The onboarding portal leaks what a gateway has to keep in, and takes part in the exchange of data.

use crate::client::{Portals, SHARED, has_member};

const REVENUE: [&str; 5] = ["unit_cost", "markup_percentage", "markup_amount", "total_cost", "profit_margin"];

#[test]
fn its_answers_hold_the_secrets() {
    let cases: [(&str, &[&str]); 5] = [
        ("equipment", &REVENUE),
        ("parts/pricing", &REVENUE),
        ("purchase-orders", &REVENUE),
        ("staff", &["ssn", "tin", "bankAccount", "salary"]),
        ("companies", &["tin", "bin", "bankAccount"]),
    ];
    for (path, secrets) in cases {
        let path = format!("/api/onboarding/{path}");
        let page = SHARED.json("onboarding", &path);
        let id = page["data"][0]["id"].as_str().or(page["data"][0]["partId"].as_str());
        let one = SHARED.json("onboarding", &format!("{path}/{}", id.unwrap()));
        assert_eq!(one, page["data"][0], "{path}");
        for secret in secrets {
            assert!(has_member(&one, secret), "{path} has no {secret}");
        }
    }
    let equipment = SHARED.json("onboarding", "/api/onboarding/equipment");
    assert!(equipment["data"][0]["pricing"]["markup"]["amount"].is_number());
    assert!(equipment["data"][0]["qualityScore"].is_number());
    let orders = SHARED.json("onboarding", "/api/onboarding/purchase-orders");
    assert!(orders["data"][0]["lines"][0]["unit_cost"].is_number());
}

#[test]
fn a_list_comes_in_pages() {
    let path = "/api/onboarding/equipment?per_page=40&page=";
    let pages = ["1", "2", "3", "4"].map(|page| SHARED.json("onboarding", &format!("{path}{page}")));
    let rows = pages.each_ref().map(|page| page["data"].as_array().unwrap().len());
    assert_eq!(rows, [40, 40, 16, 0]);
    assert_eq!((&pages[0]["total"], &pages[0]["pages"]), (&96.into(), &3.into()));
    for bad in ["0", "x", "1&per_page=501"] {
        let detail = SHARED.fetch("onboarding", &format!("{path}{bad}")).problem(400);
        assert_eq!(detail, "page must be 1 to 1000000, per_page 1 to 500");
    }
}

#[test]
fn the_same_question_gets_the_same_bytes() {
    let path = "/api/onboarding/equipment?per_page=96";
    let first = SHARED.fetch("onboarding", path);
    assert_eq!(SHARED.fetch("onboarding", path).body, first.body);
}

#[test]
fn a_vessel_is_made_changed_and_removed() {
    let own = Portals::start();
    let vessels = "/api/onboarding/vessels";
    let new = r#"{"companyId":"c0000000-0000-4000-8000-000000000002","name":"MV Alster","imo":"IMO9876543",
        "type":"ferry","flag":"DE","built":2024,"grossTonnage":9100}"#;
    let made = own.send("onboarding", "POST", vessels, &[], new);
    assert_eq!(made.status, 201, "{}", made.text());
    let one = format!("{vessels}/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(own.json("onboarding", &one), made.json());

    let changed = own.send("onboarding", "PUT", &one, &[], r#"{"status":"active"}"#);
    assert_eq!(changed.json()["status"], "active");
    assert_eq!(changed.json()["name"], "MV Alster");

    assert_eq!(own.send("onboarding", "DELETE", &one, &[], "").status, 204);
    assert_eq!(own.fetch("onboarding", &one).problem(404), "there is no such vessel");
}

#[test]
fn equipment_is_approved_and_rejected() {
    let own = Portals::start();
    let one = "/api/onboarding/equipment/e0000000-0000-4000-8000-050000000003";
    assert_eq!(own.json("onboarding", one)["status"], "in_review");
    let reason = r#"{"reason":"the type plate is not readable"}"#;
    let rejected = own.send("onboarding", "PUT", &format!("{one}/reject"), &[], reason);
    assert_eq!(rejected.json()["status"], "rejected");
    assert_eq!(rejected.json()["rejectionReason"], "the type plate is not readable");
    let approved = own.send("onboarding", "PUT", &format!("{one}/approve"), &[], "");
    assert_eq!(approved.json()["status"], "approved");
    assert!(approved.json()["rejectionReason"].is_null());
}

#[test]
fn sync_gives_back_the_bytes_that_came() {
    let payload = "{ \"equipment\":[{\"unit_cost\": 1.50e1, \"name\":\"P\\u0075mp\"}] }\n";
    let path = "/api/onboarding/sync/equipment";
    let echoed = SHARED.send("onboarding", "POST", path, &[], payload);
    assert_eq!((echoed.status, echoed.text()), (200, payload));
    assert_eq!(echoed.header("x-received-bytes"), Some(payload.len().to_string().as_str()));
}

#[test]
fn bad_requests_get_problems_that_tell_nothing_of_the_database() {
    let vessels = "/api/onboarding/vessels";
    let unfit = "a field is missing, of the wrong type, or names no record";
    let cases = [
        ("POST", vessels, "{\"name\":", 400, "the body is not JSON"),
        ("POST", vessels, "{\"name\":\"\u{1}\"}", 400, "the body is not JSON"),
        ("POST", vessels, "[]", 422, unfit),
        ("POST", vessels, r#"{"name":"x"}"#, 422, unfit),
        ("PATCH", vessels, "{}", 405, "this path has no such method"),
        ("GET", "/api/onboarding/vessels/1", "", 404, "there is no such vessel"),
        ("GET", "/api/onboarding/vessels/x'--", "", 404, "there is no such vessel"),
        ("PUT", "/api/onboarding/equipment/7/approve", "", 404, "there is no such equipment"),
        ("DELETE", "/api/onboarding/purchase-orders", "", 405, "this path has no such method"),
    ];
    for (method, path, body, status, detail) in cases {
        let answer = SHARED.send("onboarding", method, path, &[], body);
        assert_eq!(answer.problem(status), detail, "{method} {path} {body}");
    }
}

#[test]
fn its_page_says_what_it_is() {
    for (listener, title) in [("onboarding", "Onboarding portal"), ("maintenance", "Maintenance portal")] {
        let page = SHARED.fetch(listener, "/");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{listener}");
    }
}
