-- The maintenance portal's tables, and the views that write its JSON. Prices are in euros.
-- `json((SELECT …))`: an ordered aggregate comes out as plain text, which would be quoted.
-- cost: what the operator paid, with 6 % freight and handling; price: what the client pays. The difference is the secret.

CREATE TABLE catalogue (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL, name TEXT NOT NULL, maker TEXT NOT NULL, base_cost REAL NOT NULL
) STRICT;

CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    part_number TEXT NOT NULL,
    name TEXT NOT NULL,
    maker TEXT NOT NULL,
    stock INTEGER NOT NULL,
    unit_cost REAL NOT NULL,
    markup_percentage REAL NOT NULL,
    markup_amount REAL AS (round(unit_cost * markup_percentage / 100, 2)),
    total_cost REAL AS (round(unit_cost * 1.06, 2)),
    price REAL AS (round(unit_cost + markup_amount, 2)),
    profit_margin REAL AS (round((price - total_cost) / nullif(price, 0) * 100, 2))
) STRICT;

CREATE TABLE faults (
    id INTEGER PRIMARY KEY,
    vessel TEXT NOT NULL,
    equipment TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('minor', 'major', 'critical')),
    description TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'in_progress', 'resolved')),
    reported_by TEXT,
    reported_at TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    fault_id INTEGER REFERENCES faults ON DELETE SET NULL,
    vessel TEXT NOT NULL,
    title TEXT NOT NULL,
    technician TEXT,
    status TEXT NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'in_progress', 'awaiting_approval', 'done')),
    due_on TEXT,
    hours REAL NOT NULL,
    labour_cost REAL NOT NULL
) STRICT;

CREATE TABLE purchase_orders (
    id INTEGER PRIMARY KEY,
    vessel TEXT NOT NULL,
    supplier TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'confirmed', 'delivered', 'cancelled')),
    ordered_on TEXT NOT NULL
) STRICT;

CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES purchase_orders ON DELETE CASCADE,
    line INTEGER NOT NULL,
    part_id INTEGER NOT NULL REFERENCES parts ON DELETE CASCADE,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE revenue_reports (
    id INTEGER PRIMARY KEY, month TEXT NOT NULL, vessel TEXT NOT NULL, orders INTEGER NOT NULL, cost REAL NOT NULL, revenue REAL NOT NULL
) STRICT;

CREATE TABLE invoices (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES purchase_orders ON DELETE CASCADE,
    client TEXT NOT NULL,
    issued_on TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'cancelled'))
) STRICT;

CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL REFERENCES invoices ON DELETE CASCADE,
    amount REAL NOT NULL,
    method TEXT NOT NULL DEFAULT 'transfer' CHECK (method IN ('transfer', 'bkash')),
    bank_account TEXT,
    paid_on TEXT NOT NULL
) STRICT;

CREATE VIEW fault_json AS SELECT id, json_object(
    'id', id, 'vessel', vessel, 'equipment', equipment, 'severity', severity, 'description', description,
    'status', status, 'reportedBy', reported_by, 'reportedAt', reported_at
) AS body FROM faults;

CREATE VIEW job_json AS SELECT id, json_object(
    'id', id, 'faultId', fault_id, 'vessel', vessel, 'title', title, 'technician', technician, 'status', status,
    'dueOn', due_on, 'estimatedHours', hours,
    'labour', json_object('unit_cost', labour_cost, 'markup_percentage', 22.0, 'total_cost', round(hours * labour_cost, 2))
) AS body FROM jobs;

CREATE VIEW part_json AS SELECT id, json_object(
    'id', id, 'partNumber', part_number, 'name', name, 'maker', maker, 'stock', stock,
    'price', price, 'currency', 'EUR',
    'unit_cost', unit_cost, 'markup_percentage', markup_percentage, 'markup_amount', markup_amount,
    'total_cost', total_cost, 'profit_margin', profit_margin
) AS body FROM parts;

CREATE VIEW part_pricing_json AS SELECT id, json_object(
    'partId', id, 'partNumber', part_number,
    'pricing', json_object(
        'unit_cost', unit_cost, 'costInternal', total_cost, 'list', price,
        'markup', json_object('percentage', markup_percentage, 'amount', markup_amount)),
    'unit_cost', unit_cost, 'markup_percentage', markup_percentage, 'markup_amount', markup_amount,
    'total_cost', total_cost, 'profit_margin', profit_margin
) AS body FROM parts;

CREATE VIEW priced_lines AS SELECT
    order_id, line, part_id, part_number, name, quantity, price, unit_cost, markup_percentage, markup_amount, profit_margin,
    round(quantity * price, 2) AS line_price, round(quantity * total_cost, 2) AS line_cost
FROM order_lines JOIN parts ON parts.id = part_id;

CREATE VIEW purchase_order_json AS SELECT id, json_object(
    'id', id, 'number', printf('PO-%s-%05d', substr(ordered_on, 1, 4), id), 'vessel', vessel, 'supplier', supplier,
    'status', status, 'orderedOn', ordered_on, 'currency', 'EUR',
    'lines', json((SELECT json_group_array(json_object(
            'line', line, 'partId', part_id, 'partNumber', part_number, 'name', name, 'quantity', quantity,
            'price', price, 'linePrice', line_price, 'unit_cost', unit_cost, 'markup_percentage', markup_percentage,
            'markup_amount', markup_amount, 'total_cost', line_cost, 'profit_margin', profit_margin
        ) ORDER BY line) FROM priced_lines WHERE order_id = purchase_orders.id)),
    'total', (SELECT round(total(line_price), 2) FROM priced_lines WHERE order_id = purchase_orders.id),
    'total_cost', (SELECT round(total(line_cost), 2) FROM priced_lines WHERE order_id = purchase_orders.id),
    'profit', json_object('profit_margin', (
        SELECT round((sum(line_price) - sum(line_cost)) / nullif(sum(line_price), 0) * 100, 2)
        FROM priced_lines WHERE order_id = purchase_orders.id))
) AS body FROM purchase_orders;

CREATE VIEW revenue_report_json AS SELECT id, json_object(
    'id', id, 'month', month, 'vessel', vessel, 'orders', orders, 'total_cost', cost, 'revenue', revenue,
    'netRevenue', round(revenue - cost, 2), 'profit_margin', round((revenue - cost) / revenue * 100, 2)
) AS body FROM revenue_reports;

CREATE VIEW revenue_json AS SELECT json_object(
    'year', 2026, 'currency', 'EUR', 'reports', count(*), 'orders', sum(orders), 'total_cost', round(sum(cost), 2),
    'revenue', round(sum(revenue), 2), 'profit_margin', round((sum(revenue) - sum(cost)) / sum(revenue) * 100, 2),
    'months', json((SELECT json_group_array(json_object('month', month, 'revenue', revenue) ORDER BY month)
        FROM (SELECT month, round(sum(revenue), 2) AS revenue FROM revenue_reports GROUP BY month)))
) AS body FROM revenue_reports;

CREATE VIEW profitability_json AS SELECT min(id) AS id, json_object(
    'id', min(id), 'vessel', vessel, 'orders', sum(orders), 'total_cost', round(sum(cost), 2),
    'revenueTotal', round(sum(revenue), 2), 'profit', round(sum(revenue) - sum(cost), 2),
    'profit_margin', round((sum(revenue) - sum(cost)) / sum(revenue) * 100, 2)
) AS body FROM revenue_reports GROUP BY vessel;

CREATE VIEW invoice_json AS SELECT id, json_object(
    'id', id, 'number', printf('INV-%s-%05d', substr(issued_on, 1, 4), id), 'orderId', order_id, 'client', client,
    'issuedOn', issued_on, 'status', status, 'currency', 'EUR',
    'total', (SELECT round(total(line_price), 2) FROM priced_lines WHERE priced_lines.order_id = invoices.order_id),
    'internal', json((SELECT json_object(
            'total_cost', round(total(line_cost), 2), 'markup_amount', round(total(quantity * markup_amount), 2),
            'profit_margin', round((sum(line_price) - sum(line_cost)) / nullif(sum(line_price), 0) * 100, 2)
        ) FROM priced_lines WHERE priced_lines.order_id = invoices.order_id))
) AS body FROM invoices;

CREATE VIEW payment_json AS SELECT id, json_object(
    'id', id, 'invoiceId', invoice_id, 'amount', amount, 'currency', 'EUR', 'method', method,
    'bankAccount', bank_account, 'paidOn', paid_on
) AS body FROM payments;
