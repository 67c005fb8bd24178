//! Tables.

use super::{Access, Denied, Entry};
use crate::claims::Value;
use crate::head::Head;

const MATRIX: &str = r#"{
  "systems": {
    "onboarding": {"paths": ["/api/onboarding/**"], "roles": {"MANAGER": "MANAGER", "SMS_ADMIN": "SMS_ADMIN"}},
    "maintenance": {"paths": ["/api/maintenance/**"], "roles": {"manager": "MANAGER", "technician": "TECHNICIAN"}}
  },
  "access": {
    "roles": {
      "SMS_ADMIN": {"systems": ["*"], "permissions": ["*"], "revenue": true},
      "MANAGER": {"systems": ["onboarding", "maintenance"], "permissions": ["read:*"]},
      "TECHNICIAN": {"systems": ["maintenance"]}
    },
    "rules": [
      {"match": {"paths": ["/api/*/health"]}, "public": true},
      {"match": {"paths": ["/api/maintenance/webhooks/*"], "methods": ["POST"]}, "webhook": "onboarding"},
      {"name": "approve", "match": {"paths": ["/api/*/equipment/*/approve"], "methods": ["PUT"]},
       "require": {"roles": ["MANAGER", "SMS_ADMIN"], "permissions": ["equipment.approve"]}},
      {"match": {"paths": ["/api/maintenance/companies/*"]},
       "require": {"tenant": {"segment": 4, "type": "integer", "unless": {"roles": ["SMS_ADMIN"]}}}},
      {"match": {"paths": ["/api/maintenance/**"], "methods": ["DELETE"]},
       "require": {"step_up": {"amr": ["mfa"], "max_age_s": 300}}},
      {"match": {"paths": ["/api/**"], "methods": ["GET"]}, "require": {}}
    ]
  }
}"#;

fn object(members: &[(&str, Value)]) -> Value {
    Value::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_first_look() {
    let access = Access::from_json(MATRIX.as_bytes()).unwrap();
    let payload = object(&[
        ("sub", text("u")),
        (
            "systems",
            object(&[
                (
                    "maintenance",
                    object(&[
                        ("role", text("manager")),
                        ("companyId", Value::Number("42".to_owned())),
                        ("permissions", Value::List(vec![text("equipment.approve")])),
                    ]),
                ),
                ("onboarding", object(&[("role", text("manager"))])),
            ]),
        ),
    ]);
    let head = Head::default();
    let ask = |method: &str, path: &str| {
        let (method, path) = (method.as_bytes(), path.as_bytes());
        match access.entry(method, path) {
            Entry::Token(at) => access.decide(at, &access.identity(path, &payload), &payload, &head, path, 1000),
            Entry::Closed => Err(Denied::NoRule),
            Entry::Public(_) | Entry::Webhook(..) => Ok(()),
        }
    };
    assert_eq!(ask("PUT", "/api/maintenance/equipment/1/approve"), Ok(()));
    assert_eq!(ask("PUT", "/api/onboarding/equipment/1/approve"), Err(Denied::Role));
    assert_eq!(ask("GET", "/api/maintenance/companies/42"), Ok(()));
    assert_eq!(ask("GET", "/api/maintenance/companies/43"), Err(Denied::Tenant));
    assert_eq!(ask("DELETE", "/api/maintenance/x"), Err(Denied::StepUp));
    assert_eq!(ask("PATCH", "/api/maintenance/x"), Err(Denied::NoRule));
    assert_eq!(ask("BREW", "/api/x/health"), Ok(()));
    assert!(matches!(access.entry(b"POST", b"/api/maintenance/webhooks/a"), Entry::Webhook(_, "onboarding")));
}
