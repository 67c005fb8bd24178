use lockgate::revenue_strip::DEFAULT_NAMES;
use serde_json::Value;

use crate::bodies::{Quotes, Style, order_table, purchase_orders};
use crate::csv_strip::{ByLists, strip};
use crate::serde_strip::Names;
use crate::{lockgate_strip, serde_strip};

const SIZES: [usize; 3] = [1000, 100_000, 1_300_000];

#[test]
fn bodies_are_json_of_the_asked_size_half_of_it_revenue() {
    let names = Names::new().unwrap();
    for size in SIZES {
        for style in [Style::Minified, Style::Pretty] {
            let body = purchase_orders(size, style);
            assert!(body.len().abs_diff(size) <= 1000.max(size / 20), "{size} {style:?}: {}", body.len());
            assert_eq!(body, purchase_orders(size, style));
            if style == Style::Minified {
                let share = 100 - 100 * names.strip_body(&body).unwrap().len() / body.len();
                assert!((40..=60).contains(&share), "{size}: {share} %");
            }
        }
    }
}

#[test]
fn both_strips_take_the_same_members() {
    let names = Names::new().unwrap();
    let policy = lockgate_strip::policy().unwrap();
    for size in SIZES {
        for style in [Style::Minified, Style::Pretty] {
            let body = purchase_orders(size, style);
            let want: Value = serde_json::from_slice(&names.strip_body(&body).unwrap()).unwrap();
            for width in [64, 4096, 65_536, body.len()] {
                let mut stripped = Vec::new();
                let went_on = lockgate_strip::strip(&policy, &body, width, &mut Vec::new(), |bytes| {
                    stripped.extend_from_slice(bytes);
                });
                assert!(went_on);
                let got: Value = serde_json::from_slice(&stripped).unwrap();
                assert!(got == want, "{size} {style:?}, chunks of {width}");
            }
        }
    }
}

#[test]
fn the_comparison_takes_the_default_lists() {
    let names = serde_strip::Names::new().unwrap();
    assert!(DEFAULT_NAMES.iter().all(|name| names.take(name)));
    assert!(names.take("cost_for_internal_use") && names.take("grossMargins"));
    assert!(!names.take("cost") && !names.take("quantity"));
}

#[test]
fn a_table_loses_its_revenue_columns() {
    let names = Names::new().unwrap();
    for quotes in [Quotes::Needed, Quotes::All] {
        let body = order_table(100_000, quotes);
        assert!(body.len().abs_diff(100_000) < 1000);
        let mut stripped = Vec::new();
        let went_on =
            strip(&mut ByLists(&names), &body, 4096, &mut Vec::new(), |bytes| stripped.extend_from_slice(bytes));
        assert!(went_on);
        let header = String::from_utf8(stripped).unwrap().lines().next().unwrap().replace('"', "");
        assert_eq!(header, "Order,Vessel,Part Number,Description,Quantity,Unit,Port");
    }
}
