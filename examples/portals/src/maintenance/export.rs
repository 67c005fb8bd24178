//! The large export: every lot of parts ever bought, as one JSON array of any length, a few hundred rows at a time.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;

use crate::problem::Problem;
use crate::store::Store;

/// Streams `?rows=` lots (20,000 unless told, at most 1,000,000). The length is not known beforehand, so the answer is
/// chunked; the next rows are read when the client has taken the ones before.
pub(super) async fn parts(
    State(store): State<Arc<Store>>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let rows = match query {
        Ok(Query(query)) => query.rows.unwrap_or(ROWS_DEFAULT),
        Err(_) => return Err(Problem::Query(ROWS)),
    };
    if !(1..=ROWS_MAX).contains(&rows) {
        return Err(Problem::Query(ROWS));
    }
    let export = Export { store, rows, written: 0 };
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, Body::from_stream(stream::iter(export))).into_response())
}

#[derive(Deserialize)]
pub(super) struct ExportQuery {
    rows: Option<u32>,
}

/// The chunks of an export. An error ends it in the middle of the array, so that nobody takes it for complete.
struct Export {
    store: Arc<Store>,
    rows: u32,
    written: u32,
}

impl Iterator for Export {
    type Item = rusqlite::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.written == self.rows {
            return None;
        }
        let first = self.written.saturating_add(1);
        let last = self.rows.min(self.written.saturating_add(CHUNK_ROWS));
        self.written = last;
        let lots = match self.store.texts(LOTS, [first, last]) {
            Ok(lots) => lots.join(",\n"),
            Err(error) => return Some(Err(error)),
        };
        let before = if first == 1 { "[\n" } else { ",\n" };
        let after = if last == self.rows { "\n]\n" } else { "" };
        Some(Ok(format!("{before}{lots}{after}")))
    }
}

/// Lots `?1` to `?2`. Each is worked out from its number and the catalogue, which clients cannot change.
const LOTS: &str = "
WITH RECURSIVE lot(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM lot WHERE n < ?2),
priced AS (
    SELECT n, catalogue.*, round(base_cost * (0.8 + n % 41 / 100.0), 2) AS cost, 12.5 + n % 14 AS markup
    FROM lot JOIN catalogue ON catalogue.id = n % (SELECT count(*) FROM catalogue) + 1
)
SELECT json_object(
    'lot', n,
    'partNumber', printf('%s-%06d', code, n),
    'name', name,
    'maker', maker,
    'warehouse', CASE n % 3 WHEN 0 THEN 'Rotterdam' WHEN 1 THEN 'Singapore' ELSE 'Santos' END,
    'quantity', n % 17 + 1,
    'unit_cost', cost,
    'markup_percentage', markup,
    'markup_amount', round(cost * markup / 100, 2),
    'total_cost', round(cost * 1.06, 2),
    'profit_margin', round(100 - 106 / (1 + markup / 100), 2),
    'pricing', json_object('currency', 'EUR', 'list', round(cost * (1 + markup / 100), 2)),
    'certified', json(iif(n % 5 = 0, 'false', 'true')))
FROM priced ORDER BY n";

const ROWS: &str = "rows must be 1 to 1000000";
const ROWS_DEFAULT: u32 = 20_000;
const ROWS_MAX: u32 = 1_000_000;
/// About 100 KB a chunk.
const CHUNK_ROWS: u32 = 250;
