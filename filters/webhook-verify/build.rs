//! Of an answer, its head alone concerns this filter.

include!("../host/exports.rs");

fn main() {
    leave_out(&["proxy_on_response_body", "proxy_on_response_trailers", "proxy_on_log"]);
}
