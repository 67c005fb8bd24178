//! Only request heads concern this filter, and bodies and trailers of requests that wait.

include!("../host/exports.rs");

fn main() {
    leave_out(&["proxy_on_response_headers", "proxy_on_response_body", "proxy_on_response_trailers", "proxy_on_log"]);
}
