//! The token issuer: hands a token of any role to whoever asks. It stands in for a real identity provider.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body;
use crate::problem::Problem;
use crate::resource::with_common_routes;
use crate::token::{KeyError, Role, Signer, Validity};

/// The issuer's routes, with a new key.
pub(crate) fn router() -> Result<Router, KeyError> {
    let routes = Router::new()
        .route("/.well-known/jwks.json", get(key_set))
        .route("/token", get(token).post(token))
        .route("/rotate", post(rotate));
    Ok(with_common_routes(routes).with_state(Arc::new(Keys::new()?)))
}

/// The key that signs, the one after it and the one before it. All three are published: verifiers know a key before it
/// signs, and tokens of the last one stay good.
struct Keys(RwLock<Set>);

struct Set {
    now: Signer,
    next: Signer,
    before: Option<Signer>,
}

impl Keys {
    fn new() -> Result<Self, KeyError> {
        Ok(Self(RwLock::new(Set { now: Signer::random()?, next: Signer::random()?, before: None })))
    }

    fn published(&self) -> Result<Value, KeyError> {
        let Set { now, next, before } = &*self.0.read().unwrap_or_else(PoisonError::into_inner);
        let keys: Result<Vec<_>, _> = [now, next].into_iter().chain(before).map(Signer::public_key).collect();
        Ok(json!({ "keys": keys? }))
    }

    fn sign(&self, role: Role, validity: Validity) -> Result<String, KeyError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).now.token(role, validity)
    }

    fn rotate(&self) -> Result<(), KeyError> {
        let fresh = Signer::random()?;
        let set = &mut *self.0.write().unwrap_or_else(PoisonError::into_inner);
        let next = std::mem::replace(&mut set.next, fresh);
        set.before = Some(std::mem::replace(&mut set.now, next));
        Ok(())
    }
}

async fn key_set(State(keys): State<Arc<Keys>>) -> Result<Response, Problem> {
    let keys = keys.published().map_err(|_| Problem::Internal)?;
    Ok(body::json(StatusCode::OK, keys.to_string()))
}

/// Signs with the next key from now on, makes another, and forgets the one before the last. Answers the key set.
async fn rotate(State(keys): State<Arc<Keys>>) -> Result<Response, Problem> {
    keys.rotate().map_err(|_| Problem::Internal)?;
    key_set(State(keys)).await
}

async fn token(
    State(keys): State<Arc<Keys>>,
    query: Result<Query<TokenQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(Query(query)) = query else {
        return Err(Problem::Query(LIFETIME));
    };
    let role = query.role.as_deref().and_then(Role::parse);
    let role = role.ok_or(Problem::UnknownRole)?;
    let (ttl_s, age_s) = query.lifetime().ok_or(Problem::Query(LIFETIME))?;
    let issued_at_s = unix_now_s().saturating_sub(age_s);
    let validity = Validity { issued_at_s, expires_at_s: issued_at_s.saturating_add(ttl_s) };
    let token = keys.sign(role, validity).map_err(|_| Problem::Internal)?;

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
    /// How long the token is valid from its issue.
    ttl_s: Option<u64>,
    /// How long ago it was issued, to try a token that has expired.
    age_s: Option<u64>,
}

impl TokenQuery {
    /// Life and age in seconds.
    fn lifetime(&self) -> Option<(u64, u64)> {
        let ttl_s = self.ttl_s.unwrap_or(TTL_DEFAULT_S);
        let age_s = self.age_s.unwrap_or(0);
        ((1..=TTL_MAX_S).contains(&ttl_s) && age_s <= AGE_MAX_S).then_some((ttl_s, age_s))
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
const TTL_DEFAULT_S: u64 = TTL_MAX_S;
/// Access tokens live 15 minutes at most: `max_lifetime` in envoy.yaml refuses longer ones.
const TTL_MAX_S: u64 = 15 * 60;
const AGE_MAX_S: u64 = 24 * 60 * 60;
