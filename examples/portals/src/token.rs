//! The unified tokens: who each role is, and what is said of him.

use serde::Serialize;
use serde_json::{Value, json};

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

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For requests.
    Access,
    /// For the issuer alone, to get the next access token. A gateway refuses it.
    Refresh,
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Access, Self::Refresh].into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// The unified payload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnifiedClaims {
    iss: &'static str,
    aud: String,
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
    /// `audience`: whom it is for; `None`: this gateway.
    pub(crate) fn of(role: Role, kind: Kind, audience: Option<String>, id: String, validity: Validity) -> Self {
        let holder = role.holder();
        let mut permissions = holder.onboarding.to_vec();
        let more = holder.maintenance.iter();
        permissions.extend(more.filter(|right| !holder.onboarding.contains(right)));
        Self {
            iss: ISSUER,
            aud: audience.unwrap_or_else(|| AUDIENCE.to_owned()),
            sub: holder.subject,
            iat: validity.issued_at_s,
            exp: validity.expires_at_s,
            jti: id,
            token_type: kind.name(),
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
/// Who issues them.
pub(crate) const ISSUER: &str = "https://issuer.lockgate.example";
const AUDIENCE: &str = "lockgate";
/// The first company of both portals' data.
const COMPANY: &str = "c0000000-0000-4000-8000-000000000001";
