//! The onboarding portal: a ship's equipment is entered, reviewed and approved. Ids are UUIDs.
//!
//! It checks no token: whoever reaches it gets everything. The gateway in front decides who reaches it and what leaves.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use axum::routing::{get, post, put};

use crate::body::{ECHO_MAX_BYTES, JsonText, echo};
use crate::problem::Problem;
use crate::resource::{Ids, Layout, Resource, Writes, compressed, html, with_common_routes};
use crate::store::Store;
use crate::whoami::whoami;

/// The portal's routes over a new database.
pub(crate) fn router() -> rusqlite::Result<Router> {
    let store = Store::seeded(include_str!("onboarding/schema.sql"), include_str!("onboarding/seed.sql"))?;
    let echoing = post(echo).layer(DefaultBodyLimit::max(ECHO_MAX_BYTES));
    let portal = Router::new()
        .merge(COMPANIES.routes("/companies"))
        .merge(VESSELS.routes("/vessels"))
        .merge(EQUIPMENT.routes("/equipment"))
        .merge(STAFF.routes("/staff"))
        .merge(PART_PRICING.routes("/parts/pricing"))
        .merge(PURCHASE_ORDERS.routes("/purchase-orders"))
        .route("/equipment/{id}/approve", put(approve))
        .route("/equipment/{id}/reject", put(reject))
        .route("/sync/equipment", echoing.clone())
        .route("/whoami", get(whoami))
        .route("/webhooks/maintenance", echoing);
    let routes = Router::new()
        .route("/", get(async || html(include_str!("onboarding/index.html"))))
        .nest("/api/onboarding", portal);
    Ok(with_common_routes(compressed(routes)).with_state(Arc::new(store)))
}

/// A body is not read: an approval has nothing to say but that it is one.
async fn approve(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Result<Response, Problem> {
    EQUIPMENT.change(&store, APPROVE, &id, &JsonText("{}".to_owned()))
}

async fn reject(
    State(store): State<Arc<Store>>,
    Path(id): Path<String>,
    reason: JsonText,
) -> Result<Response, Problem> {
    EQUIPMENT.change(&store, REJECT, &id, &reason)
}

static COMPANIES: Resource =
    Resource { noun: "company", view: "company_json", ids: Ids::Uuid, layout: Layout::Compact, writes: None };

static VESSELS: Resource = Resource {
    noun: "vessel",
    view: "vessel_json",
    ids: Ids::Uuid,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO vessels (id, company_id, name, imo, kind, flag, built, gross_tonnage)
            SELECT ?1, ?2->>'companyId', ?2->>'name', ?2->>'imo', ?2->>'type', ?2->>'flag', ?2->>'built', ?2->>'grossTonnage'
            RETURNING id",
        insert_lines: None,
        update: "UPDATE vessels SET
            name = coalesce(?2->>'name', name), flag = coalesce(?2->>'flag', flag),
            gross_tonnage = coalesce(?2->>'grossTonnage', gross_tonnage), status = coalesce(?2->>'status', status)
            WHERE id = ?1",
        delete: "DELETE FROM vessels WHERE id = ?1",
    }),
};

static EQUIPMENT: Resource = Resource {
    noun: "equipment",
    view: "equipment_json",
    ids: Ids::Uuid,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO equipment (id, vessel_id, name, maker, model, serial, unit_cost, markup_percentage)
            SELECT ?1, ?2->>'vesselId', ?2->>'name', ?2->>'maker', ?2->>'model', ?2->>'serialNumber',
                coalesce(?2->>'unit_cost', 0.0), coalesce(?2->>'markup_percentage', 0.0)
            RETURNING id",
        insert_lines: None,
        update: "UPDATE equipment SET
            name = coalesce(?2->>'name', name), model = coalesce(?2->>'model', model),
            serial = coalesce(?2->>'serialNumber', serial)
            WHERE id = ?1",
        delete: "DELETE FROM equipment WHERE id = ?1",
    }),
};

static STAFF: Resource = Resource {
    noun: "member of staff",
    view: "staff_json",
    ids: Ids::Uuid,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO staff (id, company_id, name, email, position, ssn, tin, bank_account, salary)
            SELECT ?1, ?2->>'companyId', ?2->>'name', ?2->>'email', ?2->>'position', ?2->>'ssn', ?2->>'tin',
                ?2->>'bankAccount', ?2->>'salary'
            RETURNING id",
        insert_lines: None,
        update: "UPDATE staff SET
            name = coalesce(?2->>'name', name), email = coalesce(?2->>'email', email),
            position = coalesce(?2->>'position', position)
            WHERE id = ?1",
        delete: "DELETE FROM staff WHERE id = ?1",
    }),
};

static PART_PRICING: Resource =
    Resource { noun: "part", view: "part_pricing_json", ids: Ids::Uuid, layout: Layout::Compact, writes: None };

static PURCHASE_ORDERS: Resource = Resource {
    noun: "purchase order",
    view: "purchase_order_json",
    ids: Ids::Uuid,
    layout: Layout::Compact,
    writes: None,
};

const APPROVE: &str =
    "UPDATE equipment SET status = 'approved', rejection_reason = NULL WHERE id = ?1 AND ?2 IS NOT NULL";
const REJECT: &str = "UPDATE equipment SET status = 'rejected', rejection_reason = ?2->>'reason' WHERE id = ?1";
