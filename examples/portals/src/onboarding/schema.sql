-- The onboarding portal's tables, and the views that write its JSON. Prices are in euros.
-- `json((SELECT …))`: an ordered aggregate comes out as plain text, which would be quoted.
-- cost: what the operator paid, with 6 % freight and handling; price: what the client pays. The difference is the secret.

CREATE TABLE companies (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, tin TEXT NOT NULL, bin TEXT NOT NULL, bank_account TEXT NOT NULL
) STRICT;

CREATE TABLE vessels (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies,
    name TEXT NOT NULL,
    imo TEXT NOT NULL,
    kind TEXT NOT NULL,
    flag TEXT NOT NULL,
    built INTEGER NOT NULL,
    gross_tonnage INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'onboarding' CHECK (status IN ('onboarding', 'active', 'laid_up'))
) STRICT;

CREATE TABLE equipment (
    id TEXT PRIMARY KEY,
    vessel_id TEXT NOT NULL REFERENCES vessels ON DELETE CASCADE,
    name TEXT NOT NULL,
    maker TEXT NOT NULL,
    model TEXT NOT NULL,
    serial TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'in_review' CHECK (status IN ('in_review', 'approved', 'rejected')),
    rejection_reason TEXT,
    quality_score REAL,
    unit_cost REAL NOT NULL,
    markup_percentage REAL NOT NULL,
    markup_amount REAL AS (round(unit_cost * markup_percentage / 100, 2)),
    total_cost REAL AS (round(unit_cost * 1.06, 2)),
    price REAL AS (round(unit_cost + markup_amount, 2)),
    profit_margin REAL AS (round((price - total_cost) / nullif(price, 0) * 100, 2))
) STRICT;

CREATE TABLE staff (
    id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL REFERENCES companies,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    position TEXT NOT NULL,
    ssn TEXT,
    tin TEXT,
    bank_account TEXT,
    salary INTEGER
) STRICT;

CREATE TABLE purchase_orders (
    id TEXT PRIMARY KEY, vessel_id TEXT NOT NULL REFERENCES vessels ON DELETE CASCADE, supplier TEXT NOT NULL, ordered_on TEXT NOT NULL
) STRICT;

CREATE VIEW company_json AS SELECT id, json_object(
    'id', id, 'name', name, 'country', country, 'tin', tin, 'bin', bin, 'bankAccount', bank_account,
    'vessels', (SELECT count(*) FROM vessels WHERE company_id = companies.id)
) AS body FROM companies;

CREATE VIEW vessel_json AS SELECT id, json_object(
    'id', id, 'companyId', company_id, 'name', name, 'imo', imo, 'type', kind, 'flag', flag, 'built', built,
    'grossTonnage', gross_tonnage, 'status', status,
    'equipmentCount', (SELECT count(*) FROM equipment WHERE vessel_id = vessels.id)
) AS body FROM vessels;

CREATE VIEW equipment_json AS SELECT id, json_object(
    'id', id, 'vesselId', vessel_id, 'name', name, 'maker', maker, 'model', model, 'serialNumber', serial,
    'status', status, 'rejectionReason', rejection_reason, 'qualityScore', quality_score, 'price', price, 'currency', 'EUR',
    'unit_cost', unit_cost, 'markup_percentage', markup_percentage, 'markup_amount', markup_amount,
    'total_cost', total_cost, 'profit_margin', profit_margin,
    'pricing', json_object(
        'list', price, 'cost_basis_internal', total_cost,
        'markup', json_object('percentage', markup_percentage, 'amount', markup_amount)),
    'spares', json_array(
        json_object('name', 'Gasket set', 'quantity', 2, 'unit_cost', round(unit_cost * 0.011, 2), 'profitMargin', 21.5),
        json_object('name', 'Sensor', 'quantity', 1, 'unit_cost', round(unit_cost * 0.034, 2), 'profitMargin', 17.0))
) AS body FROM equipment;

CREATE VIEW staff_json AS SELECT id, json_object(
    'id', id, 'companyId', company_id, 'name', name, 'email', email, 'position', position,
    'ssn', ssn, 'tin', tin, 'bankAccount', bank_account, 'salary', salary
) AS body FROM staff;

CREATE VIEW part_pricing_json AS SELECT id, json_object(
    'partId', id, 'name', name, 'maker', maker,
    'pricing', json_object('unit_cost', unit_cost, 'markup', markup_amount, 'list', price),
    'unit_cost', unit_cost, 'markup_percentage', markup_percentage, 'markup_amount', markup_amount,
    'total_cost', total_cost, 'profit_margin', profit_margin
) AS body FROM equipment;

-- An order of the onboarding portal is for all equipment of a vessel that is not rejected.
CREATE VIEW purchase_order_json AS SELECT id, json_object(
    'id', id, 'vesselId', vessel_id, 'supplier', supplier, 'orderedOn', ordered_on, 'currency', 'EUR',
    'lines', json((SELECT json_group_array(json_object(
            'equipmentId', item.id, 'name', item.name, 'price', price, 'unit_cost', unit_cost,
            'markup_percentage', markup_percentage, 'markup_amount', markup_amount, 'total_cost', total_cost,
            'profit_margin', profit_margin
        ) ORDER BY item.id) FROM equipment AS item WHERE item.vessel_id = purchase_orders.vessel_id AND status <> 'rejected')),
    'total_cost', (SELECT round(total(total_cost), 2) FROM equipment AS item
        WHERE item.vessel_id = purchase_orders.vessel_id AND status <> 'rejected')
) AS body FROM purchase_orders;
