//! The unified tokens: who each role is, and signing.

use std::fmt;

use jwt_compact::alg::Es256;
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{AlgorithmExt as _, Claims, Header};
use p256::ecdsa::{SigningKey, VerifyingKey};
use p256::elliptic_curve::rand_core::{OsRng, RngCore as _};
use serde::Serialize;
use serde_json::{Value, json};

use crate::resource::random_uuid;

/// A role of the access matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    SmsAdmin,
    CompanyAdmin,
    Manager,
    Technician,
    IntegrationService,
}

impl Role {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        ROLES.into_iter().find(|role| role.name() == name)
    }

    /// The roles as a sentence lists them.
    pub(crate) fn names() -> String {
        ROLES.map(Self::name).join(", ")
    }

    fn name(self) -> &'static str {
        match self {
            Self::SmsAdmin => "SMS_ADMIN",
            Self::CompanyAdmin => "COMPANY_ADMIN",
            Self::Manager => "MANAGER",
            Self::Technician => "TECHNICIAN",
            Self::IntegrationService => "INTEGRATION_SERVICE",
        }
    }

    fn holder(self) -> Holder {
        match self {
            Self::SmsAdmin => Holder {
                subject: "usr-1001",
                maintenance_role: "sms_admin",
                specialization: "operations",
                onboarding: &[
                    "company.manage",
                    "vessel.manage",
                    "equipment.review",
                    "equipment.approve",
                    "view_sensitive_data",
                ],
                maintenance: &[
                    "fault.create",
                    "maintenance.approve",
                    "parts.manage",
                    "reports.generate",
                    "view_sensitive_data",
                ],
            },
            Self::CompanyAdmin => Holder {
                subject: "usr-2001",
                maintenance_role: "admin",
                specialization: "fleet",
                onboarding: &["vessel.manage", "equipment.review", "equipment.approve"],
                maintenance: &["fault.create", "maintenance.approve", "reports.generate"],
            },
            Self::Manager => Holder {
                subject: "usr-2002",
                maintenance_role: "manager",
                specialization: "engine",
                onboarding: &["equipment.review", "equipment.approve"],
                maintenance: &["fault.create", "maintenance.approve"],
            },
            Self::Technician => Holder {
                subject: "usr-2003",
                maintenance_role: "technician",
                specialization: "hydraulics",
                onboarding: &["equipment.review"],
                maintenance: &["fault.create", "maintenance.update"],
            },
            Self::IntegrationService => Holder {
                subject: "svc-sync",
                maintenance_role: "integration",
                specialization: "sync",
                onboarding: &["sync.write"],
                maintenance: &["sync.write", "webhook.receive"],
            },
        }
    }
}

/// One user a role. The two portals spell roles differently; a gateway has to map them.
struct Holder {
    subject: &'static str,
    maintenance_role: &'static str,
    specialization: &'static str,
    onboarding: &'static [&'static str],
    maintenance: &'static [&'static str],
}

/// When a token was and ceases to be valid, in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) issued_at_s: u64,
    pub(crate) expires_at_s: u64,
}

/// A key of the issuer, made by the process and gone with it.
pub(crate) struct Signer {
    key: SigningKey,
    key_id: String,
}

impl Signer {
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn random() -> Result<Self, KeyError> {
        let key_id = random_uuid().ok_or(KeyError)?.hyphenated().to_string();
        let mut bytes = [0; 32];
        // Fewer than one in 2^32 draws is not a valid key (zero, or not below the curve's order): a second draw is ample.
        for _ in 0..2 {
            OsRng.try_fill_bytes(&mut bytes).map_err(|_| KeyError)?;
            if let Ok(key) = SigningKey::from_slice(&bytes) {
                return Ok(Self { key, key_id });
            }
        }
        Err(KeyError)
    }

    /// The public key as it stands in a key set (RFC 7517).
    pub(crate) fn public_key(&self) -> Result<Value, KeyError> {
        let public = VerifyingKey::from(&self.key);
        let mut key = serde_json::to_value(JsonWebKey::from(&public)).map_err(|_| KeyError)?;
        let fields = key.as_object_mut().ok_or(KeyError)?;
        fields.insert("kid".to_owned(), json!(self.key_id));
        fields.insert("use".to_owned(), json!("sig"));
        fields.insert("alg".to_owned(), json!("ES256"));
        Ok(key)
    }

    /// A signed access token in compact form (RFC 7519).
    pub(crate) fn token(&self, role: Role, validity: Validity) -> Result<String, KeyError> {
        let header = Header::empty().with_key_id(self.key_id.clone()).with_token_type("JWT");
        let id = random_uuid().ok_or(KeyError)?.hyphenated().to_string();
        let claims = Claims::new(UnifiedClaims::of(role, id, validity));
        Es256.token(&header, &claims, &self.key).map_err(|_| KeyError)
    }
}

/// No key or no signature could be made.
#[derive(Debug)]
pub(crate) struct KeyError;

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gives no random bytes")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnifiedClaims {
    iss: &'static str,
    aud: &'static str,
    sub: &'static str,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(rename = "type")]
    token_type: &'static str,
    tenant_id: &'static str,
    /// The unified role and rights, for a gateway that does not map the systems' own.
    roles: [&'static str; 1],
    permissions: Vec<&'static str>,
    systems: Value,
    federation: Value,
}

impl UnifiedClaims {
    fn of(role: Role, id: String, validity: Validity) -> Self {
        let holder = role.holder();
        let mut permissions = holder.onboarding.to_vec();
        let more = holder.maintenance.iter();
        permissions.extend(more.filter(|right| !holder.onboarding.contains(right)));
        Self {
            iss: ISSUER,
            aud: "lockgate",
            sub: holder.subject,
            iat: validity.issued_at_s,
            exp: validity.expires_at_s,
            jti: id,
            token_type: "access",
            tenant_id: "tenant-nordhavn",
            roles: [role.name()],
            permissions,
            systems: json!({
                "onboarding": {
                    "companyId": COMPANY,
                    "role": role.name(),
                    "permissions": holder.onboarding,
                },
                "maintenance": {
                    "companyId": 1,
                    "role": holder.maintenance_role,
                    "specialization": holder.specialization,
                    "permissions": holder.maintenance,
                },
            }),
            federation: json!({
                "primarySystem": "onboarding",
                "lastSync": "2026-03-02T06:00:00Z",
                "syncedSystems": ["onboarding", "maintenance"],
            }),
        }
    }
}

const ROLES: [Role; 5] =
    [Role::SmsAdmin, Role::CompanyAdmin, Role::Manager, Role::Technician, Role::IntegrationService];
const ISSUER: &str = "https://issuer.lockgate.example";
/// The first company of both portals' data.
const COMPANY: &str = "c0000000-0000-4000-8000-000000000001";
