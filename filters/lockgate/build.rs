//! Everything concerns some block.

include!("../host/exports.rs");

fn main() {
    leave_out(&[]);
}
