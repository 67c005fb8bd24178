//! The maintenance portal: faults, maintenance jobs, spare parts, purchase orders, invoices and reports. Ids are integers.
//!
//! It checks no token: whoever reaches it gets everything. The gateway in front decides who reaches it and what leaves.

mod bad;
mod events;
mod export;
mod reports;
mod resources;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};

use crate::body::{ECHO_MAX_BYTES, echo};
use crate::resource::{compressed, html, with_common_routes};
use crate::store::Store;
use crate::whoami::whoami;
use resources::{
    FAULTS, INVOICES, JOBS, PART_PRICING, PARTS, PAYMENTS, PROFITABILITY, PURCHASE_ORDERS, REVENUE_REPORTS,
};

/// The portal's routes over a new database.
pub(crate) fn router() -> rusqlite::Result<Router> {
    let store = Store::seeded(include_str!("maintenance/schema.sql"), include_str!("maintenance/seed.sql"))?;
    let echoing = post(echo).layer(DefaultBodyLimit::max(ECHO_MAX_BYTES));
    let portal = Router::new()
        .merge(FAULTS.routes("/faults"))
        .merge(JOBS.routes("/jobs"))
        .merge(PARTS.routes("/parts").layer(map_response(with_markup_header)))
        .merge(PART_PRICING.routes("/parts/pricing"))
        .merge(PURCHASE_ORDERS.routes("/purchase-orders"))
        .merge(REVENUE_REPORTS.routes("/revenue-reports"))
        .nest("/exports", export::routes())
        .route("/events", get(events::stream))
        .route("/sync/equipment", echoing.clone())
        .route("/whoami", get(whoami))
        .route("/webhooks/onboarding", echoing.clone());
    let routes = Router::new()
        .route("/", get(async || html(include_str!("maintenance/index.html"))))
        .nest("/api/maintenance", portal)
        .nest("/api/reports", reports::routes())
        .merge(PART_PRICING.routes("/api/parts/pricing"))
        .merge(PROFITABILITY.routes("/api/analytics/profitability"))
        .merge(INVOICES.routes("/api/invoices"))
        .merge(PAYMENTS.routes("/api/payments"))
        .route("/api/payments/webhooks/bkash", echoing);
    // The bad answers stay as they are, whatever the client accepts.
    let routes = compressed(routes).nest("/api/maintenance/test/bad", bad::routes());
    Ok(with_common_routes(routes).with_state(Arc::new(store)))
}

/// Leaks in a header too, as portals do that mean well with their own front end.
async fn with_markup_header(mut response: Response) -> Response {
    let markup = axum::http::HeaderValue::from_static("18.5");
    response.headers_mut().insert("x-markup-percentage", markup);
    response
}
