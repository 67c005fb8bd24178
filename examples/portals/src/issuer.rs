//! The token issuer: hands a token of any role to whoever asks. It stands in for a real identity provider.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use crate::body;
use crate::keys::{Follower, Keys};
use crate::problem::Problem;
use crate::resource::{random_uuid, with_common_routes};
use crate::revoked::Revoked;
use crate::signer::{Algorithm, KeyError};
use crate::token::{Kind, Role, UnifiedClaims, Validity};

/// The issuer's routes, with new keys.
pub(crate) fn router() -> Result<Router, KeyError> {
    let routes = Router::new()
        .route("/.well-known/jwks.json", get(key_set))
        .route("/token", get(token).post(token))
        .route("/rotate", post(rotate))
        .route("/revoke", post(revoke))
        .route("/revoked", get(revoked));
    Ok(with_common_routes(routes).with_state(Arc::new(Issuer { keys: Keys::new()?, revoked: Revoked::default() })))
}

struct Issuer {
    keys: Keys,
    revoked: Revoked,
}

async fn key_set(State(issuer): State<Arc<Issuer>>) -> Response {
    body::json(StatusCode::OK, issuer.keys.published(unix_now_s()).to_string())
}

/// Another key signs from now on: the next one, or with `?unseen=true` one that no verifier has seen. Answers the key set.
async fn rotate(
    State(issuer): State<Arc<Issuer>>,
    query: Result<Query<RotateQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Ok(Query(query)) = query else {
        return Err(Problem::Query("unseen must be true or false"));
    };
    let follower = if query.unseen == Some(true) { Follower::Unseen } else { Follower::Next };
    issuer.keys.rotate(follower, unix_now_s()).map_err(|_| Problem::Internal)?;
    Ok(key_set(State(issuer)).await)
}

#[derive(Deserialize)]
struct RotateQuery {
    unseen: Option<bool>,
}

/// Revokes the token of the form (RFC 7009).
async fn revoke(State(issuer): State<Arc<Issuer>>, form: String) -> Result<StatusCode, Problem> {
    let added = issuer.revoked.add(&form, unix_now_s());
    added.map(|()| StatusCode::OK).ok_or(Problem::Query("the body must be token=TOKEN, with a token of this issuer"))
}

async fn revoked(State(issuer): State<Arc<Issuer>>) -> Response {
    body::json(StatusCode::OK, issuer.revoked.list().to_string())
}

async fn token(
    State(issuer): State<Arc<Issuer>>,
    query: Result<Query<TokenQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(Query(query)) = query else {
        return Err(Problem::Query(LIFETIME));
    };
    let role = query.role.as_deref().and_then(Role::parse);
    let role = role.ok_or(Problem::UnknownRole)?;
    let algorithm = query.alg.as_deref().map_or(Some(Algorithm::Es256), Algorithm::parse);
    let algorithm = algorithm.ok_or(Problem::Query("alg must be ES256, RS256 or EdDSA"))?;
    let kind = query.kind.as_deref().map_or(Some(Kind::Access), Kind::parse);
    let kind = kind.ok_or(Problem::Query("type must be access or refresh"))?;
    let (ttl_s, age_s) = query.lifetime(kind).ok_or(Problem::Query(LIFETIME))?;
    let issued_at_s = unix_now_s().saturating_sub(age_s);
    let validity = Validity { issued_at_s, expires_at_s: issued_at_s.saturating_add(ttl_s) };
    let id = random_uuid().ok_or(Problem::Internal)?.hyphenated().to_string();
    let claims = UnifiedClaims::of(role, kind, query.aud, id, validity);
    let token = issuer.keys.sign(algorithm, &claims).map_err(|_| Problem::Internal)?;

    let mut response = if wants_json(&headers) {
        let answer =
            json!({ "access_token": token, "token_type": "Bearer", "expires_in": ttl_s.saturating_sub(age_s) });
        body::json(StatusCode::OK, answer.to_string())
    } else {
        // Text alone, without a line end: ready for `$(curl …)` and for a header.
        token.into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[derive(Deserialize)]
struct TokenQuery {
    role: Option<String>,
    /// How it is signed.
    alg: Option<String>,
    /// What it is for: `access` or `refresh`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Whom it is for, to try a token for somebody else.
    aud: Option<String>,
    /// How long the token is valid from its issue.
    ttl_s: Option<u64>,
    /// How long ago it was issued, to try a token that has expired.
    age_s: Option<u64>,
}

impl TokenQuery {
    /// Life and age in seconds.
    fn lifetime(&self, kind: Kind) -> Option<(u64, u64)> {
        let most_s = match kind {
            Kind::Access => TTL_MAX_S,
            Kind::Refresh => REFRESH_S,
        };
        let ttl_s = self.ttl_s.unwrap_or(most_s);
        let age_s = self.age_s.unwrap_or(0);
        ((1..=most_s).contains(&ttl_s) && age_s <= AGE_MAX_S).then_some((ttl_s, age_s))
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("application/json"))
}

/// Seconds since 1970 by the wall clock; 0 when the clock stands before that.
#[expect(clippy::disallowed_methods, reason = "an issuer is a program of its own: it has no host to ask for the time")]
fn unix_now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const LIFETIME: &str = "ttl_s must be 1 to 900, age_s 0 to 86400";
/// Access tokens live 15 minutes at most: `max_lifetime_s` in envoy.yaml refuses longer ones.
pub(crate) const TTL_MAX_S: u64 = 15 * 60;
/// Refresh tokens live seven days.
const REFRESH_S: u64 = 7 * 24 * 60 * 60;
const AGE_MAX_S: u64 = 24 * 60 * 60;
