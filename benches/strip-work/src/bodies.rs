//! Purchase orders as a portal answers them, the same bytes every time.

use std::fmt::Write;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No white space.
    Minified,
    /// Two blanks a level.
    Pretty,
}

/// A page of purchase orders of about `bytes` bytes, at most one order (1 KB) less. About half of the bytes are revenue fields.
#[must_use]
pub fn purchase_orders(bytes: usize, style: Style) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 64);
    text.push_str("{\"data\":[");
    let mut order = String::new();
    for n in 0.. {
        order.clear();
        purchase_order(&mut order, n);
        if n > 0 && text.len() + order.len() + TAIL.len() > room(bytes, style) {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&order);
    }
    text.push_str(TAIL);
    match style {
        Style::Minified => text.into_bytes(),
        Style::Pretty => pretty(&text),
    }
}

const TAIL: &str = "],\"page\":1,\"perPage\":500,\"total\":18342}";

/// The minified bytes that give `bytes` in this style.
fn room(bytes: usize, style: Style) -> usize {
    match style {
        Style::Minified => bytes,
        Style::Pretty => bytes / 100 * 53,
    }
}

/// Purchase orders one after another, about `bytes` bytes of them, each minified between `before` and `after`.
#[must_use]
pub fn order_lines(bytes: usize, before: &str, after: &str) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 2048);
    for n in 0.. {
        text.push_str(before);
        purchase_order(&mut text, n);
        text.push_str(after);
        if text.len() >= bytes {
            break;
        }
    }
    text.into_bytes()
}

/// Which cells of a table stand in quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// Those that must.
    Needed,
    /// All.
    All,
}

/// A table of order lines of about `bytes` bytes. Three of its ten columns are revenue columns.
#[must_use]
pub fn order_table(bytes: usize, quotes: Quotes) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 256);
    let mut line = |cells: [&str; 10]| {
        for (n, cell) in cells.iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            // Writing to a `String` cannot fail.
            let _ = match quotes {
                Quotes::Needed if !cell.contains([',', '"']) => write!(text, "{cell}"),
                Quotes::Needed | Quotes::All => write!(text, "\"{}\"", cell.replace('"', "\"\"")),
            };
        }
        text.push_str("\r\n");
        text.len() < bytes
    };
    let names = ["Order", "Vessel", "Part Number", "Description", "Quantity", "Unit", "Unit Cost"];
    let [order, vessel, part, description, quantity, unit, cost] = names;
    line([order, vessel, part, description, quantity, unit, cost, "markupPercentage", "profit-margin", "Port"]);
    for n in 0.. {
        let s = &mut Sequence(n + 1);
        let more = line([
            &format!("PO-2026-{:06}", 100_000 + n),
            s.pick(&["MV Nordic Star", "MV Baltic Trader", "MT \u{d8}resund", "MV Ever Bright"]),
            &format!("{}-{:05}", s.pick(&["PUMP", "VALVE", "GASKET", "BEARING"]), s.next(100_000)),
            s.pick(&[
                "Mechanical seal for main sea water pump",
                "Exhaust valve spindle, reconditioned, 12\" with certificate",
                "Gasket set for cylinder cover (12 pieces)",
                "Roller bearing 22320, outer ring with groove",
            ]),
            &format!("{}", 1 + s.next(24)),
            s.pick(&["pcs", "set", "kg"]),
            &format!("{}.{:02}", 10 + s.next(9_000), s.next(100)),
            &format!("{}.{}", 5 + s.next(30), s.next(10)),
            &format!("{}.{:02}", s.next(40), s.next(100)),
            s.pick(&["Singapore", "Rotterdam", "Houston", "G\u{f6}teborg"]),
        ]);
        if !more {
            break;
        }
    }
    text.into_bytes()
}

/// Numbers that look like data: a fixed sequence, different for each order.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let place = usize::try_from(self.next(from.len() as u64)).unwrap_or(0);
        from.get(place).copied().unwrap_or_default()
    }
}

fn purchase_order(out: &mut String, n: u64) {
    let mut sequence = Sequence(n + 1);
    let s = &mut sequence;
    let lines = if n == 0 { 2 } else { 1 + s.next(3) };
    // Writing to a `String` cannot fail.
    let _ = write!(
        out,
        "{{\"id\":\"PO-2026-{:06}\",\"vesselName\":\"{}\",\"supplier\":\"{}\",\"status\":\"{}\",\"revenueCode\":\"RC-{:04}\",\"lines\":[",
        100_000 + n,
        s.pick(&["MV Nordic Star", "MV Baltic Trader", "MT \u{d8}resund", "MV Ever Bright"]),
        s.pick(&[
            "W\u{e4}rtsil\u{e4} Parts Oy",
            "Kongsberg \\\"Spares\\\" AS",
            "Alfa Laval Marine",
            "MAN ES Copenhagen"
        ]),
        s.pick(&["approved", "draft", "ordered", "received"]),
        s.next(10_000),
    );
    for line in 0..lines {
        if line > 0 {
            out.push(',');
        }
        order_line(out, s, line);
    }
    let _ = write!(
        out,
        "],\"approved\":{},\"approvedBy\":null,\"totalCost\":{}.{:02},\"profitMargin\":{}.{:02},\"createdAt\":\"2026-0{}-1{}T08:15:30Z\"}}",
        s.pick(&["true", "false"]),
        s.next(100_000),
        s.next(100),
        s.next(40),
        s.next(100),
        1 + s.next(9),
        s.next(10),
    );
}

fn order_line(out: &mut String, s: &mut Sequence, line: u64) {
    let cost = 10 + s.next(9_000);
    let _ = write!(
        out,
        "{{\"line\":{},\"partNumber\":\"{}-{:05}\",\"description\":\"{}\",\"quantity\":{},\"unit\":\"{}\",\
         \"unitCost\":{cost}.{:02},\"markupPercentage\":{}.{},\"markupAmount\":{}.{:02},\
         \"pricing\":{{\"currency\":\"USD\",\"list\":{}.{:02},\"tiers\":[{{\"from\":1,\"price\":{}.{:02}}},{{\"from\":10,\"price\":{}.{:02}}}],\
         \"note\":\"{}\"}},\"deliveryPort\":\"{}\",\"hazardous\":{},\"weightKg\":{}.{}}}",
        line + 1,
        s.pick(&["PUMP", "VALVE", "GASKET", "BEARING"]),
        s.next(100_000),
        s.pick(&[
            "Mechanical seal for main sea water pump, type B",
            "Exhaust valve spindle, reconditioned, with certificate",
            "Gasket set for cylinder cover (12 pieces)",
            "Roller bearing 22320, outer ring with groove",
        ]),
        1 + s.next(24),
        s.pick(&["pcs", "set", "kg"]),
        s.next(100),
        5 + s.next(30),
        s.next(10),
        cost / 7,
        s.next(100),
        cost + cost / 7,
        s.next(100),
        cost + cost / 8,
        s.next(100),
        cost + cost / 9,
        s.next(100),
        s.pick(&["internal, do not quote", "valid until end of quarter", "group discount agreed"]),
        s.pick(&["Singapore", "Rotterdam", "Houston", "G\u{f6}teborg"]),
        s.pick(&["true", "false"]),
        s.next(400),
        s.next(10),
    );
}

/// The same text with white space as people read it. The text must be valid JSON.
fn pretty(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut level = 0_usize;
    let (mut in_string, mut escaped) = (false, false);
    let line = |out: &mut Vec<u8>, level: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * level, b' ');
    };
    for byte in text.bytes() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                level += 1;
                line(&mut out, level);
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                line(&mut out, level);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, level);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}
