//! What a configuration says and may not mean, though each part of it is right.

use super::Policy;
use super::access::{Finding, Severity};
use super::config::Provider;
use super::keys::MAX_KEYS_TRIED;

impl Policy {
    /// What may not be meant: of providers, of where tokens are found, and of the matrix.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let config = &self.0.config;
        let mut findings: Vec<Finding> = Vec::new();
        for (n, provider) in config.providers.iter().enumerate() {
            findings.extend(of_provider(&format!("providers[{n}]"), provider));
        }
        if !config.sources.queries.is_empty() {
            findings.push(warning(
                "sources".to_owned(),
                "take a token from the query, which ends up in logs and histories; RFC 9700 forbids it: prefer the header",
            ));
        }
        if !config.sources.cookies.is_empty() {
            findings.push(warning(
                "sources".to_owned(),
                "take a token from a cookie, which browsers send for any page: portals need protection against CSRF",
            ));
        }
        if let Some(revocation) = &config.revocation {
            let named =
                |issuer: &str| config.providers.iter().any(|provider| provider.issuer.as_deref() == Some(issuer));
            let any = config.providers.iter().find(|provider| provider.issuer.is_none());
            if let Some(any) = any
                && revocation.fixed_issuers().next().is_some()
            {
                findings.push(warning(
                    "revocation.not_before".to_owned(),
                    &format!(
                        "kills tokens by their `iss`, and the provider {} takes tokens that have none, or one that is not listed; \
                         name its issuer",
                        any.name
                    ),
                ));
            }
            for issuer in revocation.fixed_issuers().filter(|issuer| any.is_none() && !named(issuer)) {
                findings.push(warning(
                    format!("revocation.not_before.{}", issuer.escape_debug()),
                    "names an issuer that no provider has: it kills nothing; letters count as written",
                ));
            }
        }
        findings.extend(config.access.findings());
        findings
    }
}

fn of_provider(path: &str, provider: &Provider) -> Vec<Finding> {
    let mut findings = Vec::new();
    if provider.issuer.is_none() {
        findings.push(warning(
            format!("{path}.issuer"),
            "is null: tokens of any issuer count that this key has signed; name the issuer (RFC 8725, section 3.8)",
        ));
    }
    if provider.audiences.is_empty() {
        findings.push(warning(
            format!("{path}.audiences"),
            "is empty: a token that was made for another service counts here, too; name the audiences (RFC 8725, section 3.9)",
        ));
    }
    if provider.max_lifetime_ms.is_none() {
        findings.push(Finding {
            severity: Severity::Note,
            path: format!("{path}.max_lifetime_s"),
            message: "is absent: tokens may live for ever; 900 is usual for access tokens".to_owned(),
        });
    }
    let crowded = provider.algorithms.iter().filter(|&&algorithm| provider.keys.needs_kid(algorithm));
    let crowded: Vec<&str> = crowded.map(|algorithm| algorithm.name()).collect();
    if !crowded.is_empty() {
        let message = format!(
            "has more than {MAX_KEYS_TRIED} keys for {}: a token without `kid` is refused, as no key is tried; let the issuer name \
             keys, or take old ones out",
            crowded.join(", ")
        );
        findings.push(warning(format!("{path}.jwks.inline"), &message));
    }
    if provider.keys.is_secret_in_config() {
        findings.push(warning(
            format!("{path}.jwks.inline"),
            "has secrets (oct): whoever reads the configuration can mint tokens; use hmac_secret",
        ));
    }
    findings
}

fn warning(path: String, message: &str) -> Finding {
    Finding { severity: Severity::Warning, path, message: message.to_owned() }
}
