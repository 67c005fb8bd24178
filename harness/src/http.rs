//! Questions to our own processes on loopback.

use std::time::Duration;

use crate::Error;

/// Status and body of a GET; any status is an answer.
pub(crate) fn get(url: &str, timeout: Duration) -> Result<(u16, String), Error> {
    request(url, timeout, |agent| agent.get(url).call())
}

/// Status and body of a POST without a body.
pub(crate) fn post(url: &str, timeout: Duration) -> Result<(u16, String), Error> {
    request(url, timeout, |agent| agent.post(url).send_empty())
}

fn request(
    url: &str,
    timeout: Duration,
    send: impl FnOnce(ureq::Agent) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(u16, String), Error> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .proxy(None) // what HTTP_PROXY says is not meant for loopback
        .build()
        .into();
    let failed = |error: ureq::Error| Error::Http { url: url.to_owned(), why: error.to_string() };
    let mut response = send(agent).map_err(failed)?;
    let body = response.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_string().map_err(failed)?;
    Ok((response.status().as_u16(), body))
}

/// Envoy's statistics and configuration dump are far below.
const MAX_BODY_BYTES: u64 = 64 << 20;
