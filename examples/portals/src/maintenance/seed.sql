-- What the maintenance portal starts with. Rows that only make up the numbers are worked out, always the same way.

INSERT INTO catalogue (id, code, name, maker, base_cost) VALUES
    (1, 'FIP-44', 'Fuel injection pump', 'Wärtsilä', 3480.0),
    (2, 'FIV-12', 'Fuel injection valve', 'Wärtsilä', 612.5),
    (3, 'PRS-90', 'Piston ring set', 'MAN Energy Solutions', 945.0),
    (4, 'CLN-01', 'Cylinder liner', 'MAN Energy Solutions', 8120.0),
    (5, 'TCB-07', 'Turbocharger bearing kit', 'ABB', 2275.4),
    (6, 'LOF-20', 'Lube oil filter element', 'Boll & Kirch', 86.9),
    (7, 'LOS-33', 'Purifier disc stack', 'Alfa Laval', 1490.0),
    (8, 'PHG-18', 'Plate heat exchanger gasket', 'Alfa Laval', 38.25),
    (9, 'SWP-05', 'Sea water pump impeller', 'Desmi', 1130.0),
    (10, 'MSK-14', 'Mechanical seal kit', 'Desmi', 274.8),
    (11, 'HYD-61', 'Hydraulic cylinder seal set', 'MacGregor', 198.6),
    (12, 'WRP-28', 'Crane wire rope, 28 mm', 'MacGregor', 2640.0),
    (13, 'RDR-09', 'Radar magnetron', 'Furuno', 1875.0),
    (14, 'GPS-03', 'GNSS antenna', 'Furuno', 389.0),
    (15, 'ECD-15', 'ECDIS display unit', 'Kongsberg', 5360.0),
    (16, 'UPS-30', 'Bridge UPS battery', 'Kongsberg', 447.2),
    (17, 'AVR-11', 'Voltage regulator', 'Stamford', 718.0),
    (18, 'GCB-25', 'Generator circuit breaker', 'ABB', 3925.0),
    (19, 'BWU-40', 'Ballast UV lamp', 'Alfa Laval', 529.9),
    (20, 'FDS-02', 'Flame detector', 'Consilium', 342.0),
    (21, 'LBR-08', 'Lifeboat release hook', 'Viking', 2210.0),
    (22, 'EEB-16', 'Escape breathing device', 'Dräger', 164.5),
    (23, 'ANC-76', 'Anchor chain shackle, 76 mm', 'Dai Han', 905.0),
    (24, 'STB-22', 'Stern tube bearing', 'Wärtsilä', 14850.0);

CREATE TEMP VIEW fleet(n, vessel) AS VALUES
    (0, 'MV Nordhavn Star'), (1, 'MV Baltic Courier'), (2, 'MV Elbe Trader'), (3, 'MT Skagen Spirit'),
    (4, 'MV Lofoten Bridge'), (5, 'MT Aurora Bay'), (6, 'MV Kattegat Express'), (7, 'MV Tasman Pioneer');

-- Ten makes of each part of the catalogue.
INSERT INTO parts (id, part_number, name, maker, stock, unit_cost, markup_percentage)
WITH RECURSIVE make(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM make WHERE n < 9)
SELECT n * 24 + id, printf('%s-%02d', code, n + 1), name, maker, (n * 7 + id * 5) % 40,
    round(base_cost * (0.9 + n * 0.035), 2), 12.5 + (n * 5 + id) % 14
FROM make JOIN catalogue;

INSERT INTO faults (id, vessel, equipment, severity, description, status, reported_by, reported_at) VALUES
    (1, 'MV Nordhavn Star', 'Main engine', 'critical', 'Exhaust temperature of cylinder 4 is 60 °C above the mean', 'in_progress', 'usr-2003', '2026-02-11T04:12:00Z'),
    (2, 'MV Nordhavn Star', 'Auxiliary engine 2', 'minor', 'Lube oil filter differential pressure alarm', 'resolved', 'usr-2003', '2026-02-03T19:40:00Z'),
    (3, 'MT Skagen Spirit', 'Cargo pump 3', 'major', 'Mechanical seal leaks 2 l/h', 'open', 'usr-2003', '2026-02-27T08:05:00Z'),
    (4, 'MV Elbe Trader', 'Deck crane 1', 'major', 'Wire rope has 6 broken wires in one lay', 'open', NULL, '2026-02-25T13:30:00Z'),
    (5, 'MT Aurora Bay', 'X-band radar', 'minor', 'Weak echoes, magnetron at 11,800 h', 'open', 'usr-2002', '2026-02-20T22:51:00Z'),
    (6, 'MV Lofoten Bridge', 'Ballast water treatment', 'critical', 'UV intensity is "below D-2 limit"', 'in_progress', 'usr-2003', '2026-02-28T06:17:00Z'),
    (7, 'MV Kattegat Express', 'Emergency generator', 'critical', 'Does not start from the second source', 'open', 'usr-2002', '2026-03-01T10:00:00Z'),
    (8, 'MV Tasman Pioneer', 'Stern tube', 'major', 'Water content of the oil is 4 %', 'resolved', NULL, '2026-01-17T15:22:00Z');

INSERT INTO jobs (id, fault_id, vessel, title, technician, status, due_on, hours, labour_cost) VALUES
    (1, 1, 'MV Nordhavn Star', 'Replace fuel injection valve, cylinder 4', 'Ivo Marinković', 'in_progress', '2026-03-05', 6.5, 84.0),
    (2, 2, 'MV Nordhavn Star', 'Change lube oil filter elements', 'Ivo Marinković', 'done', '2026-02-05', 1.5, 84.0),
    (3, 3, 'MT Skagen Spirit', 'Fit mechanical seal kit to cargo pump 3', 'Grace Okafor', 'planned', '2026-03-09', 9.0, 92.5),
    (4, 4, 'MV Elbe Trader', 'Renew wire rope and load test the crane', 'Grace Okafor', 'planned', '2026-03-12', 14.0, 92.5),
    (5, 6, 'MV Lofoten Bridge', 'Renew UV lamps, calibrate the sensor', 'Jun Tanaka', 'awaiting_approval', '2026-03-03', 4.0, 78.0),
    (6, NULL, 'MV Baltic Courier', '12,000 h overhaul of auxiliary engine 1', 'Jun Tanaka', 'planned', '2026-04-20', 72.0, 78.0);

-- 600 orders of 6 to 10 lines: 500 of them, the largest page, are more than a megabyte.
INSERT INTO purchase_orders (id, vessel, supplier, status, ordered_on)
WITH RECURSIVE purchase(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM purchase WHERE id < 600)
SELECT id, vessel,
    CASE id % 4 WHEN 0 THEN 'Rotterdam Marine Supply' WHEN 1 THEN 'Hanse Schiffsbedarf GmbH'
        WHEN 2 THEN 'Keppel Ship Stores' ELSE 'Santos Naval Peças' END,
    CASE id % 5 WHEN 0 THEN 'sent' WHEN 1 THEN 'delivered' WHEN 2 THEN 'confirmed' WHEN 3 THEN 'delivered' ELSE 'draft' END,
    date('2025-07-01', printf('+%d days', id * 2 / 5))
FROM purchase JOIN fleet ON fleet.n = id % 8;

INSERT INTO order_lines (order_id, line, part_id, quantity)
WITH RECURSIVE line(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM line WHERE n < 10)
SELECT id, n, (id * 7 + n * 31) % 240 + 1, (id + n) % 6 + 1
FROM purchase_orders JOIN line ON n <= id % 5 + 6;

-- Two months of each vessel.
INSERT INTO revenue_reports (id, month, vessel, orders, cost, revenue)
SELECT m.n * 8 + fleet.n + 1, m.month, vessel, 9 + (fleet.n * 5 + m.n) % 7,
    round(48250.0 + fleet.n * 7310.4 + m.n * 1875.35, 2), round((48250.0 + fleet.n * 7310.4 + m.n * 1875.35) * (1.11 + fleet.n / 100.0), 2)
FROM (SELECT 0 AS n, '2026-01' AS month UNION ALL SELECT 1, '2026-02') AS m JOIN fleet;

-- Every tenth order is invoiced, every second of those paid.
INSERT INTO invoices (id, order_id, client, issued_on, status)
SELECT id / 10, id, 'Nordhavn Shipping A/S', date(ordered_on, '+14 days'), CASE id % 20 WHEN 0 THEN 'paid' ELSE 'open' END
FROM purchase_orders WHERE id % 10 = 0;

INSERT INTO payments (id, invoice_id, amount, method, bank_account, paid_on)
SELECT id / 2, id, invoice_json.body->>'total', CASE id % 4 WHEN 0 THEN 'bkash' ELSE 'transfer' END,
    'DK50 0040 0440 1162 43', date(issued_on, '+9 days')
FROM invoices JOIN invoice_json USING (id) WHERE status = 'paid';
DROP VIEW fleet;
