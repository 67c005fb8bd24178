-- What the onboarding portal starts with. The people and their numbers are invented.

INSERT INTO companies (id, name, country, tin, bin, bank_account) VALUES
    ('c0000000-0000-4000-8000-000000000001', 'Nordhavn Shipping A/S', 'DK', 'DK-29403847', '0029403847001', 'DK50 0040 0440 1162 43'),
    ('c0000000-0000-4000-8000-000000000002', 'Elbe Reederei GmbH & Co. KG', 'DE', 'DE-811907980', '0811907980002', 'DE89 3704 0044 0532 0130 00'),
    ('c0000000-0000-4000-8000-000000000003', 'Aurora Tankers Pte Ltd', 'SG', 'SG-201912345K', '0201912345003', 'SG 7171 0012 3456'),
    ('c0000000-0000-4000-8000-000000000004', 'Tasman Line Ltd', 'NZ', 'NZ-49098576', '0049098576004', 'NZ 01 0902 0068389 00');

INSERT INTO vessels (id, company_id, name, imo, kind, flag, built, gross_tonnage, status) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'MV Nordhavn Star', 'IMO9387421', 'container', 'DK', 2009, 54881, 'active'),
    ('a0000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'MV Baltic Courier', 'IMO9512331', 'ro-ro', 'DK', 2012, 21104, 'active'),
    ('a0000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000002', 'MV Elbe Trader', 'IMO9440021', 'bulk carrier', 'DE', 2010, 33044, 'active'),
    ('a0000000-0000-4000-8000-000000000004', 'c0000000-0000-4000-8000-000000000003', 'MT Skagen Spirit', 'IMO9621144', 'product tanker', 'SG', 2014, 29658, 'active'),
    ('a0000000-0000-4000-8000-000000000005', 'c0000000-0000-4000-8000-000000000001', 'MV Lofoten Bridge', 'IMO9734502', 'general cargo', 'NO', 2017, 8999, 'onboarding'),
    ('a0000000-0000-4000-8000-000000000006', 'c0000000-0000-4000-8000-000000000003', 'MT Aurora Bay', 'IMO9811763', 'crude tanker', 'SG', 2019, 81384, 'onboarding'),
    ('a0000000-0000-4000-8000-000000000007', 'c0000000-0000-4000-8000-000000000002', 'MV Kattegat Express', 'IMO9290558', 'ferry', 'DE', 2004, 15187, 'laid_up'),
    ('a0000000-0000-4000-8000-000000000008', 'c0000000-0000-4000-8000-000000000004', 'MV Tasman Pioneer', 'IMO9856608', 'container', 'NZ', 2021, 41331, 'onboarding');

-- Twelve pieces on each vessel.
INSERT INTO equipment (id, vessel_id, name, maker, model, serial, status, quality_score, unit_cost, markup_percentage)
WITH kind(n, name, maker, model, cost) AS (VALUES
    (1, 'Main engine', 'MAN Energy Solutions', '6S60ME-C10.5', 2875000.0),
    (2, 'Auxiliary engine', 'Wärtsilä', '8L20', 412500.0),
    (3, 'Turbocharger', 'ABB', 'A175-L35', 186400.0),
    (4, 'Fuel oil purifier', 'Alfa Laval', 'S 956', 74250.5),
    (5, 'Plate heat exchanger', 'Alfa Laval', 'M15-BFG8', 18890.0),
    (6, 'Ballast water treatment', 'Alfa Laval', 'PureBallast 3.2', 241000.0),
    (7, 'Deck crane', 'MacGregor', 'GL 40/28', 389900.0),
    (8, 'X-band radar', 'Furuno', 'FAR-2228', 31750.0),
    (9, 'ECDIS', 'Kongsberg', 'K-Bridge 8', 27340.75),
    (10, 'Emergency generator', 'Stamford', 'HCI 544', 58200.0),
    (11, 'Fire detection panel', 'Consilium', 'Salwico NSAC-1', 22615.0),
    (12, 'Lifeboat davit', 'Viking', 'NDS 90', 96480.0)
)
SELECT printf('e0000000-0000-4000-8000-%s%010d', substr(vessels.id, -2), kind.n), vessels.id, kind.name, maker, model,
    printf('%s-%d%03d', substr(imo, 4), built, kind.n * 37),
    CASE WHEN vessels.status = 'active' THEN 'approved' ELSE 'in_review' END,
    70 + (kind.n * 13 + built) % 29 + 0.5, round(cost * (0.94 + (built % 7) * 0.015), 2), 12.5 + (kind.n * 5 + built) % 14
FROM vessels JOIN kind;

INSERT INTO staff (id, company_id, name, email, position, ssn, tin, bank_account, salary) VALUES
    ('b0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001', 'Astrid Mikkelsen', 'astrid.mikkelsen@nordhavn.example', 'Fleet manager', '120479-2116', 'DK-12047921', 'DK21 3000 0010 2277 45', 98400),
    ('b0000000-0000-4000-8000-000000000002', 'c0000000-0000-4000-8000-000000000001', 'Ivo Marinković', 'ivo.marinkovic@nordhavn.example', 'Second engineer', '030385-1773', 'DK-03038517', 'HR12 1001 0051 8630 0016 0', 71250),
    ('b0000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000002', 'Jürgen Petersen', 'j.petersen@elbe-reederei.example', 'Superintendent', '65 180571 P 009', 'DE-86095742719', 'DE02 1203 0000 0000 2020 51', 88900),
    ('b0000000-0000-4000-8000-000000000004', 'c0000000-0000-4000-8000-000000000002', 'Grace Okafor', 'g.okafor@elbe-reederei.example', 'Chief engineer', '65 220983 O 511', 'DE-47036892816', 'DE75 5121 0800 1245 1261 99', 94300),
    ('b0000000-0000-4000-8000-000000000005', 'c0000000-0000-4000-8000-000000000003', 'Jun Tanaka', 'jun.tanaka@aurora.example', 'Electro-technical officer', 'S8812345D', 'SG-8812345', 'SG 7339 0045 1182', 66700),
    ('b0000000-0000-4000-8000-000000000006', 'c0000000-0000-4000-8000-000000000004', 'Mere "Mary" Ngata', 'mere.ngata@tasmanline.example', 'Master', '049-091-850', 'NZ-49091850', 'NZ 12 3456 0007890 50', 112800);

INSERT INTO purchase_orders (id, vessel_id, supplier, ordered_on)
SELECT 'd' || substr(id, 2), id,
    CASE WHEN flag = 'SG' THEN 'Keppel Ship Stores' ELSE 'Hanse Schiffsbedarf GmbH' END, printf('%d-03-15', built)
FROM vessels;
