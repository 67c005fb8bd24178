//! `/api/reports`: the year's revenue, and asking for a report.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::body::{JsonText, json};
use crate::problem::Problem;
use crate::store::Store;

pub(super) fn routes() -> Router<Arc<Store>> {
    Router::new().route("/revenue", get(revenue)).route("/generate", post(generate))
}

async fn revenue(State(store): State<Arc<Store>>) -> Result<Response, Problem> {
    single(&store, StatusCode::OK, "SELECT body FROM revenue_json", [])
}

/// Makes a report of a kind that the body names, such as `{"kind": "parts", "from": "2026-01", "to": "2026-03"}`. Nothing is
/// kept, so the same question always gets the same answer.
async fn generate(State(store): State<Arc<Store>>, JsonText(order): JsonText) -> Result<Response, Problem> {
    single(&store, StatusCode::ACCEPTED, GENERATE, [&order])
}

fn single(store: &Store, status: StatusCode, sql: &str, params: impl rusqlite::Params) -> Result<Response, Problem> {
    let mut texts = store.texts(sql, params)?;
    // A query of one row that finds none is a fault of the example data.
    Ok(json(status, texts.pop().ok_or(Problem::Internal)?))
}

const GENERATE: &str = "SELECT json_object(
    'status', 'accepted',
    'kind', coalesce(?1->>'kind', 'revenue'),
    'from', ?1->>'from',
    'to', ?1->>'to',
    'preview', json_object(
        'orders', (SELECT count(*) FROM purchase_orders),
        'total_cost', (SELECT round(sum(line_cost), 2) FROM priced_lines),
        'revenueTotal', (SELECT round(sum(line_price), 2) FROM priced_lines),
        'profit_margin', (SELECT round((sum(line_price) - sum(line_cost)) / sum(line_price) * 100, 2) FROM priced_lines)
    ))";
