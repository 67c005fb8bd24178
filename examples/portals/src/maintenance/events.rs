//! A stream of server-sent events (WHATWG HTML, section 9.2): what happens aboard, with the operator's costs in it.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;

use crate::problem::Problem;

/// Sends `?events=` events (10 unless told), one every `?every_ms=` (200 unless told), and ends.
pub(super) async fn stream(query: Result<Query<EventsQuery>, QueryRejection>) -> Result<Response, Problem> {
    let Ok(Query(query)) = query else {
        return Err(Problem::Query(BOUNDS));
    };
    let events = query.events.unwrap_or(EVENTS_DEFAULT);
    let every_ms = query.every_ms.unwrap_or(EVERY_DEFAULT_MS);
    if !(1..=EVENTS_MAX).contains(&events) || every_ms > EVERY_MAX_MS {
        return Err(Problem::Query(BOUNDS));
    }
    let texts = stream::unfold(1, move |number| async move {
        if number > events {
            return None;
        }
        if number > 1 && every_ms > 0 {
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
        }
        Some((Ok::<_, Infallible>(event(number)), number.saturating_add(1)))
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((head, Body::from_stream(texts)).into_response())
}

#[derive(Deserialize)]
pub(super) struct EventsQuery {
    events: Option<u32>,
    every_ms: Option<u64>,
}

/// One event. Every third comes with a comment, every fourth has its data on several lines.
fn event(number: u32) -> String {
    let (name, entity) = match number % 3 {
        0 => ("fault.critical", "fault"),
        1 => ("parts.low_stock", "part"),
        _ => ("maintenance.overdue", "job"),
    };
    let cents = number % 90_000;
    let data = json!({
        "id": format!("evt-{number:06}"),
        "timestamp": format!("2026-03-02T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60),
        "event": name,
        "source": {"system": "maintenance", "version": "1.4.0"},
        "data": {
            "entity": entity,
            "entityId": number,
            "changes": {
                "stock": number % 7, "unit_cost": f64::from(cents) / 100.0, "markup_percentage": 12.5 + f64::from(number % 14),
            },
            "metadata": {"profit_margin": 9.5, "vessel": "MV Nordhavn Star"},
        },
    });
    let data = if number.is_multiple_of(4) { format!("{data:#}") } else { data.to_string() };
    let lines: String = data.lines().map(|line| format!("data: {line}\n")).collect();
    let lead = match number {
        1 => "retry: 3000\n\n",
        number if number.is_multiple_of(3) => ": still here\n",
        _ => "",
    };
    format!("{lead}id: {number}\nevent: {name}\n{lines}\n")
}

const BOUNDS: &str = "events must be 1 to 100000, every_ms 0 to 10000";
const EVENTS_DEFAULT: u32 = 10;
const EVENTS_MAX: u32 = 100_000;
const EVERY_DEFAULT_MS: u64 = 200;
const EVERY_MAX_MS: u64 = 10_000;
