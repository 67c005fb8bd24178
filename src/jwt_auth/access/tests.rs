//! Tables about the matrix; what holds of every matrix stands in `properties`.

mod config;
mod decide;
mod identity;
mod lint;
mod properties;

use serde_json::{Value as Json, json};

use super::{Access, Denied, Entry};
use crate::claims::{Limits, Value};
use crate::head::Head;

/// Two systems that spell roles differently, and a rule of each kind.
fn matrix() -> Json {
    json!({
        "systems": {
            "onboarding": {"paths": ["/api/onboarding/**"], "roles": {"ADMIN": "SMS_ADMIN", "MANAGER": "MANAGER"}},
            "maintenance": {
                "paths": ["/api/maintenance/**", "/api/reports/**"],
                "roles": {"admin": "SMS_ADMIN", "manager": "MANAGER", "technician": "TECHNICIAN"}
            }
        },
        "access": {
            "roles": {
                "SMS_ADMIN": {"systems": ["*"], "permissions": ["*"], "revenue": true},
                "MANAGER": {"systems": ["onboarding", "maintenance"], "permissions": ["read:*", "approve"]},
                "TECHNICIAN": {"systems": ["maintenance"], "permissions": []}
            },
            "rules": [
                {"match": {"paths": ["/api/*/health"]}, "public": true},
                {"match": {"paths": ["/api/*/webhooks/*"], "methods": ["POST"]}, "webhook": "partner"},
                {"name": "approve", "match": {"paths": ["/api/*/items/*/approve"], "methods": ["PUT"]},
                 "require": {"roles": ["SMS_ADMIN", "MANAGER"], "permissions": ["approve", "read:items"]}},
                {"match": {"paths": ["/api/*/companies/*/**"]},
                 "require": {"tenant": {"segment": 4, "type": "integer", "unless": {"roles": ["SMS_ADMIN"]}}}},
                {"match": {"paths": ["/api/**"], "methods": ["DELETE"]},
                 "require": {"step_up": {"amr": ["mfa", "hwk"], "max_age_s": 300}}},
                {"match": {"paths": ["/api/reports/**"]}, "require": {"permissions": ["lockgate.revenue"]}},
                {"match": {"paths": ["/api/**"], "methods": ["GET", "POST"]}, "require": {}}
            ]
        }
    })
}

#[track_caller]
fn access(matrix: &Json) -> Access {
    Access::from_json(matrix.to_string().as_bytes()).unwrap()
}

/// The refusal of a matrix.
#[track_caller]
fn refusal(matrix: &Json) -> String {
    Access::from_json(matrix.to_string().as_bytes()).unwrap_err().to_string()
}

#[track_caller]
fn payload(json: &Json) -> Value {
    Value::read(json.to_string().as_bytes(), Limits { max_depth: 32, max_members: 256 }).unwrap()
}

const NOW_S: u64 = 1_800_000_000;

/// What becomes of a request with a good token.
fn ask(access: &Access, method: &str, path: &str, payload: &Value, head: &Head) -> Result<(), Denied> {
    let path = path.as_bytes();
    match access.entry(method.as_bytes(), path) {
        Entry::Token(at) => access.decide(at, &access.identity(path, payload), payload, head, path, NOW_S),
        Entry::Public(_) => Ok(()),
        Entry::Webhook(..) | Entry::Closed => Err(Denied::NoRule),
    }
}
