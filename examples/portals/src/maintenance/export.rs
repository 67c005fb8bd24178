//! Exports of any length: every lot of parts ever bought, and all purchase orders, a few hundred rows at a time.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use futures_util::stream;
use serde::Deserialize;

use crate::problem::Problem;
use crate::store::Store;

pub(super) fn routes() -> Router<Arc<Store>> {
    Router::new()
        .route("/parts", export(&PARTS))
        .route("/parts.ndjson", export(&PARTS_NDJSON))
        .route("/parts.csv", export(&PARTS_CSV))
        .route("/purchase-orders.ndjson", export(&ORDERS_NDJSON))
        .route("/purchase-orders.csv", export(&ORDERS_CSV))
}

/// One export: how its rows are asked for, and what stands around them.
struct Format {
    media_type: &'static str,
    /// The texts of the records with the numbers `?1` to `?2`.
    sql: &'static str,
    /// How many records there are unless the query says otherwise.
    rows: u32,
    before: &'static str,
    between: &'static str,
    after: &'static str,
}

fn export(format: &'static Format) -> MethodRouter<Arc<Store>> {
    get(async move |State(store): State<Arc<Store>>, query: Result<Query<ExportQuery>, QueryRejection>| {
        answer(format, store, query)
    })
}

/// Streams `?rows=` records (at most 1,000,000). The length is not known beforehand, so the answer is chunked; the next rows
/// are read when the client has taken the ones before.
fn answer(
    format: &'static Format,
    store: Arc<Store>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let rows = match query {
        Ok(Query(query)) => query.rows.unwrap_or(format.rows),
        Err(_) => return Err(Problem::Query(ROWS)),
    };
    if !(1..=ROWS_MAX).contains(&rows) {
        return Err(Problem::Query(ROWS));
    }
    let chunks = Chunks { format, store, rows, written: 0 };
    Ok(([(header::CONTENT_TYPE, format.media_type)], Body::from_stream(stream::iter(chunks))).into_response())
}

#[derive(Deserialize)]
struct ExportQuery {
    rows: Option<u32>,
}

/// The chunks of an export. An error ends it in the middle, so that nobody takes it for complete.
struct Chunks {
    format: &'static Format,
    store: Arc<Store>,
    rows: u32,
    written: u32,
}

impl Iterator for Chunks {
    type Item = rusqlite::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.written == self.rows {
            return None;
        }
        let Format { sql, before, between, after, .. } = self.format;
        let first = self.written.saturating_add(1);
        let last = self.rows.min(self.written.saturating_add(CHUNK_ROWS));
        self.written = last;
        let records = match self.store.texts(sql, [first, last]) {
            Ok(records) => records.join(between),
            Err(error) => return Some(Err(error)),
        };
        let lead = match (first, records.is_empty()) {
            (1, _) => before,
            // Orders that were deleted leave gaps.
            (_, true) => "",
            (_, false) => between,
        };
        let end = if last == self.rows { after } else { "" };
        Some(Ok(format!("{lead}{records}{end}")))
    }
}

static PARTS: Format =
    Format { media_type: "application/json", sql: LOTS, rows: LOT_ROWS, before: "[\n", between: ",\n", after: "\n]\n" };

static PARTS_NDJSON: Format = Format { media_type: NDJSON, before: "", between: "\n", after: "\n", ..PARTS };

static PARTS_CSV: Format = Format {
    media_type: CSV,
    sql: LOTS_CSV,
    before: "lot,partNumber,name,maker,warehouse,quantity,unit_cost,markup_percentage,markup_amount,total_cost,\
             profit_margin,certified\r\n",
    between: "\r\n",
    after: "\r\n",
    ..PARTS
};

static ORDERS_NDJSON: Format = Format {
    sql: "SELECT body FROM purchase_order_json WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    rows: ORDER_ROWS,
    ..PARTS_NDJSON
};

/// A line of the file for each line of an order; `?rows=` counts orders.
static ORDERS_CSV: Format = Format {
    sql: ORDER_LINES_CSV,
    rows: ORDER_ROWS,
    before: "order,line,partNumber,name,quantity,price,linePrice,unit_cost,markup_percentage,markup_amount,total_cost,\
             profit_margin\r\n",
    ..PARTS_CSV
};

/// The columns of a lot. Each lot is worked out from its number and the catalogue, which clients cannot change.
macro_rules! lots {
    ($row:literal) => {
        concat!(
            "WITH RECURSIVE number(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM number WHERE n < ?2),
            priced AS (
                SELECT n, code, name, maker, round(base_cost * (0.8 + n % 41 / 100.0), 2) AS cost, 12.5 + n % 14 AS markup
                FROM number JOIN catalogue ON catalogue.id = n % (SELECT count(*) FROM catalogue) + 1
            ),
            lot AS (
                SELECT n, printf('%s-%06d', code, n) AS part, name, maker,
                    CASE n % 3 WHEN 0 THEN 'Rotterdam' WHEN 1 THEN 'Singapore' ELSE 'Santos' END AS warehouse,
                    n % 17 + 1 AS quantity, cost, markup, round(cost * markup / 100, 2) AS amount,
                    round(cost * 1.06, 2) AS total, round(100 - 106 / (1 + markup / 100), 2) AS margin,
                    iif(n % 5 = 0, 'false', 'true') AS certified
                FROM priced
            )
            SELECT ",
            $row,
            " FROM lot ORDER BY n"
        )
    };
}

const LOTS: &str = lots!(
    "json_object(
    'lot', n, 'partNumber', part, 'name', name, 'maker', maker, 'warehouse', warehouse, 'quantity', quantity,
    'unit_cost', cost, 'markup_percentage', markup, 'markup_amount', amount, 'total_cost', total, 'profit_margin', margin,
    'pricing', json_object('currency', 'EUR', 'list', round(cost * (1 + markup / 100), 2)),
    'certified', json(certified))"
);

/// Names are quoted: some have commas (RFC 4180). Half of the other texts are, too, as spreadsheets do.
const LOTS_CSV: &str = lots!(
    r#"concat_ws(',', n, part, concat('"', replace(name, '"', '""'), '"'), iif(n % 2, maker, concat('"', maker, '"')), warehouse, quantity,
    cost, markup, amount, total, margin, certified)"#
);

const ORDER_LINES_CSV: &str = r#"SELECT
    concat_ws(',', order_id, line, part_number, concat('"', replace(name, '"', '""'), '"'), quantity, price, line_price, unit_cost,
        markup_percentage, markup_amount, line_cost, profit_margin)
FROM priced_lines WHERE order_id BETWEEN ?1 AND ?2 ORDER BY order_id, line"#;

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv; header=present; charset=utf-8";
const ROWS: &str = "rows must be 1 to 1000000";
const LOT_ROWS: u32 = 20_000;
/// Those that the portal starts with.
const ORDER_ROWS: u32 = 600;
const ROWS_MAX: u32 = 1_000_000;
/// About 75 KB of parts a chunk.
const CHUNK_ROWS: u32 = 250;
