//! Long answers: exports in three formats, the event stream, and gzip for who accepts it.

use std::io::Read as _;

use serde_json::Value;

use crate::client::SHARED;

#[test]
fn the_export_is_chunked_and_parses() {
    let cases = [("", 20_000, 50), ("?rows=1", 1, 1), ("?rows=250", 250, 1), ("?rows=251", 251, 2)];
    for (query, rows, chunks) in cases {
        let path = format!("/api/maintenance/exports/parts{query}");
        let export = SHARED.fetch("maintenance", &path);
        assert_eq!(export.header("content-length"), None, "{path}");
        assert_eq!(export.header("transfer-encoding"), Some("chunked"), "{path}");
        assert!(export.chunks.len() >= chunks, "{path}: {:?}", export.chunks);
        let Value::Array(lots) = export.json() else {
            panic!("{path} is no array");
        };
        assert_eq!(lots.len(), rows, "{path}");
        let numbered = (1_u64..).zip(&lots).all(|(number, lot)| lot["lot"] == number);
        assert!(numbered, "{path}: every lot once, in order");
        assert!(lots.iter().all(|lot| lot["markup_amount"].is_number()), "{path}");
    }
    for bad in ["0", "1000001", "-1", "x"] {
        let path = format!("/api/maintenance/exports/parts?rows={bad}");
        let detail = SHARED.fetch("maintenance", &path).problem(400);
        assert_eq!(detail, "rows must be 1 to 1000000");
    }
}

#[test]
fn a_large_export_is_over_20_megabytes_and_always_the_same() {
    let path = "/api/maintenance/exports/parts?rows=75000";
    let first = SHARED.fetch("maintenance", path);
    assert!(first.body.len() > 20_000_000, "{} bytes", first.body.len());
    assert!(first.chunks.iter().all(|size| *size < 150_000), "the chunks are small");
    assert!(SHARED.fetch("maintenance", path).body == first.body, "the bytes differ");
}

#[test]
fn ndjson_has_a_record_a_line() {
    for (file, query, records, names) in [
        ("parts", "?rows=251", 251, ["unit_cost", "profit_margin"]),
        ("purchase-orders", "", 600, ["total_cost", "lines"]),
    ] {
        let export = SHARED.fetch("maintenance", &format!("/api/maintenance/exports/{file}.ndjson{query}"));
        assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
        assert!(export.text().ends_with("}\n"), "{file}");
        let lines: Vec<Value> = export.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), records, "{file}");
        assert!(lines.iter().all(|record| names.iter().all(|name| !record[*name].is_null())), "{file}");
    }
}

#[test]
fn csv_has_a_header_and_the_same_columns_in_every_row() {
    for (file, query, rows, columns) in
        [("parts", "?rows=251", 251, 12), ("parts", "?rows=1", 1, 12), ("purchase-orders", "?rows=10", 80, 12)]
    {
        let export = SHARED.fetch("maintenance", &format!("/api/maintenance/exports/{file}.csv{query}"));
        assert_eq!(export.header("content-type"), Some("text/csv; header=present; charset=utf-8"));
        let table: Vec<_> = export.text().split_terminator("\r\n").map(fields).collect();
        assert!(table[0].contains(&"unit_cost".to_owned()) && table[0].contains(&"profit_margin".to_owned()));
        assert_eq!(table.len(), rows + 1, "{file}");
        assert!(table.iter().all(|row| row.len() == columns), "{file}");
    }
    let parts = SHARED.fetch("maintenance", "/api/maintenance/exports/parts.csv?rows=24");
    assert!(parts.text().contains("\"Crane wire rope, 28 mm\""), "a name with a comma is quoted");
}

#[test]
fn a_gap_between_orders_leaves_no_empty_line() {
    let own = crate::client::Portals::start();
    for id in 251..=500 {
        let path = format!("/api/maintenance/purchase-orders/{id}");
        assert_eq!(own.send("maintenance", "DELETE", &path, &[], "").status, 204);
    }
    let export = own.fetch("maintenance", "/api/maintenance/exports/purchase-orders.ndjson");
    let ids: Vec<_> =
        export.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert_eq!(ids, (1..=250).chain(501..=600).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn events_come_with_ids_comments_and_costs_and_end() {
    let stream = SHARED.fetch("maintenance", "/api/maintenance/events?events=12&every_ms=0");
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.chunks.len(), 12, "a chunk an event");
    let events: Vec<_> = stream.text().split_terminator("\n\n").filter(|event| event.contains("data: ")).collect();
    assert_eq!(events.len(), 12);
    for (number, event) in (1..).zip(&events) {
        assert!(event.contains(&format!("id: {number}\nevent: ")), "{event}");
        let data: String = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let data: Value = serde_json::from_str(&data).unwrap();
        assert!(
            data["data"]["changes"]["unit_cost"].is_number() && data["data"]["metadata"]["profit_margin"].is_number()
        );
    }
    assert!(events[2].starts_with(": still here\n"), "{}", events[2]);
    assert!(events[3].matches("data: ").count() > 5, "{}", events[3]);
    for bad in ["events=0", "events=100001", "every_ms=10001", "events=x"] {
        let detail = SHARED.fetch("maintenance", &format!("/api/maintenance/events?{bad}")).problem(400);
        assert_eq!(detail, "events must be 1 to 100000, every_ms 0 to 10000", "{bad}");
    }
}

#[test]
fn gzip_is_for_who_accepts_it() {
    for (listener, path) in [
        ("maintenance", "/api/maintenance/parts"),
        ("maintenance", "/api/maintenance/exports/parts.csv?rows=600"),
        ("onboarding", "/api/onboarding/equipment"),
    ] {
        let plain = SHARED.fetch(listener, path);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        let packed = SHARED.send(listener, "GET", path, &["accept-encoding: br, gzip"], "");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert!(packed.body.len() < plain.body.len() / 2, "{path}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.body, "{path}");
    }
    let events = SHARED.send("maintenance", "GET", "/api/maintenance/events?events=1", &["accept-encoding: gzip"], "");
    assert_eq!(events.header("content-encoding"), None, "events are not held back");
}

/// The fields of a row of CSV.
fn fields(row: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in row.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}
