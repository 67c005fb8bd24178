//! What the maintenance portal keeps. The JSON of each kind is written by its view in `schema.sql`.

use crate::resource::{Ids, Layout, Resource, Writes};

pub(super) static FAULTS: Resource = Resource {
    noun: "fault",
    view: "fault_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO faults (id, vessel, equipment, severity, description, reported_by, reported_at)
            SELECT ?1, ?2->>'vessel', ?2->>'equipment', coalesce(?2->>'severity', 'minor'), ?2->>'description',
                ?2->>'reportedBy', strftime('%FT%TZ', 'now')
            RETURNING id",
        insert_lines: None,
        update: "UPDATE faults SET
            severity = coalesce(?2->>'severity', severity), status = coalesce(?2->>'status', status),
            description = coalesce(?2->>'description', description)
            WHERE id = ?1",
        delete: "DELETE FROM faults WHERE id = ?1",
    }),
};

pub(super) static JOBS: Resource = Resource {
    noun: "maintenance job",
    view: "job_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO jobs (id, fault_id, vessel, title, technician, due_on, hours, labour_cost)
            SELECT ?1, ?2->>'faultId', ?2->>'vessel', ?2->>'title', ?2->>'technician', ?2->>'dueOn',
                coalesce(?2->>'estimatedHours', 0.0), coalesce(?2->>'unit_cost', 0.0)
            RETURNING id",
        insert_lines: None,
        update: "UPDATE jobs SET
            title = coalesce(?2->>'title', title), technician = coalesce(?2->>'technician', technician),
            due_on = coalesce(?2->>'dueOn', due_on), status = coalesce(?2->>'status', status)
            WHERE id = ?1",
        delete: "DELETE FROM jobs WHERE id = ?1",
    }),
};

pub(super) static PARTS: Resource = Resource {
    noun: "part",
    view: "part_json",
    ids: Ids::Integer,
    layout: Layout::Pretty,
    writes: Some(Writes {
        insert: "INSERT INTO parts (id, part_number, name, maker, stock, unit_cost, markup_percentage)
            SELECT ?1, ?2->>'partNumber', ?2->>'name', ?2->>'maker', coalesce(?2->>'stock', 0), ?2->>'unit_cost',
                coalesce(?2->>'markup_percentage', 18.5)
            RETURNING id",
        insert_lines: None,
        update: "UPDATE parts SET
            name = coalesce(?2->>'name', name), stock = coalesce(?2->>'stock', stock),
            unit_cost = coalesce(?2->>'unit_cost', unit_cost),
            markup_percentage = coalesce(?2->>'markup_percentage', markup_percentage)
            WHERE id = ?1",
        delete: "DELETE FROM parts WHERE id = ?1",
    }),
};

pub(super) static PART_PRICING: Resource =
    Resource { noun: "part", view: "part_pricing_json", ids: Ids::Integer, layout: Layout::Compact, writes: None };

pub(super) static PURCHASE_ORDERS: Resource = Resource {
    noun: "purchase order",
    view: "purchase_order_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO purchase_orders (id, vessel, supplier, ordered_on)
            SELECT ?1, ?2->>'vessel', ?2->>'supplier', coalesce(?2->>'orderedOn', date('now'))
            RETURNING id",
        insert_lines: Some(
            "INSERT INTO order_lines (order_id, line, part_id, quantity)
            SELECT ?1, entry.key + 1, entry.value->>'partId', entry.value->>'quantity'
            FROM json_each(?2, '$.lines') AS entry",
        ),
        update: "UPDATE purchase_orders SET
            supplier = coalesce(?2->>'supplier', supplier), status = coalesce(?2->>'status', status)
            WHERE id = ?1",
        delete: "DELETE FROM purchase_orders WHERE id = ?1",
    }),
};

pub(super) static INVOICES: Resource = Resource {
    noun: "invoice",
    view: "invoice_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO invoices (id, order_id, client, issued_on)
            SELECT ?1, ?2->>'orderId', ?2->>'client', coalesce(?2->>'issuedOn', date('now'))
            RETURNING id",
        insert_lines: None,
        update: "UPDATE invoices SET client = coalesce(?2->>'client', client), status = coalesce(?2->>'status', status)
            WHERE id = ?1",
        delete: "DELETE FROM invoices WHERE id = ?1",
    }),
};

pub(super) static PAYMENTS: Resource = Resource {
    noun: "payment",
    view: "payment_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: Some(Writes {
        insert: "INSERT INTO payments (id, invoice_id, amount, method, bank_account, paid_on)
            SELECT ?1, ?2->>'invoiceId', ?2->>'amount', coalesce(?2->>'method', 'transfer'), ?2->>'bankAccount',
                coalesce(?2->>'paidOn', date('now'))
            RETURNING id",
        insert_lines: None,
        update: "UPDATE payments SET amount = coalesce(?2->>'amount', amount) WHERE id = ?1",
        delete: "DELETE FROM payments WHERE id = ?1",
    }),
};

pub(super) static REVENUE_REPORTS: Resource = Resource {
    noun: "revenue report",
    view: "revenue_report_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: None,
};

pub(super) static PROFITABILITY: Resource = Resource {
    noun: "vessel in the analysis",
    view: "profitability_json",
    ids: Ids::Integer,
    layout: Layout::Compact,
    writes: None,
};
