//! Everything concerns this filter.

include!("../host/exports.rs");

fn main() {
    leave_out(&[]);
}
