//! What a configuration says, and most likely does not mean; and what a scheme does not protect.

use super::Policy;
use super::config::{Endpoint, Mode};
use super::descriptor::{Algorithm, Descriptor, Place, Segment};
use super::keys::WEAK_SECRET_BYTES;

/// Something about a field of a configuration that the filter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it most likely is not what was meant; else it is worth knowing.
    pub warning: bool,
    /// The field.
    pub path: String,
    /// What it means, and the way out.
    pub message: String,
}

impl Policy {
    /// What there is to say of the configuration.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (n, endpoint) in self.0.config.endpoints.iter().enumerate() {
            of_endpoint(n, endpoint, &mut findings);
            shared(n, endpoint, self.0.config.endpoints.iter().take(n), &mut findings);
        }
        for (n, signer) in self.0.config.signers.iter().enumerate() {
            for (m, scheme) in signer.schemes.iter().enumerate() {
                let weak = scheme.secrets.iter().enumerate().filter(|(_, secret)| secret.weak);
                findings.extend(weak.map(|(k, _)| Finding {
                    warning: true,
                    path: format!("sign[{n}].schemes[{m}].secrets[{k}]"),
                    message: format!("is shorter than {WEAK_SECRET_BYTES} bytes and can be guessed; make a longer one"),
                }));
            }
        }
        findings
    }
}

/// With one secret, what was signed for one endpoint is good for the other too; they remember in common.
fn shared<'a>(
    n: usize,
    endpoint: &Endpoint,
    before: impl Iterator<Item = &'a Endpoint> + Clone,
    findings: &mut Vec<Finding>,
) {
    for (m, secret) in endpoint.secrets.iter().enumerate() {
        let same = |other: &&Endpoint| other.secrets.iter().any(|one| one.variable == secret.variable);
        if let Some(other) = before.clone().find(same) {
            findings.push(Finding {
                warning: true,
                path: format!("endpoints[{n}].secrets[{m}]"),
                message: format!(
                    "is also a secret of endpoint `{}`: a delivery to one can be sent to the other, and of two that are alike \
                     only one passes; have the sender make one for each",
                    other.name
                ),
            });
        }
    }
}

fn of_endpoint(n: usize, endpoint: &Endpoint, findings: &mut Vec<Finding>) {
    let mut put = |warning: bool, field: &str, message: String| {
        findings.push(Finding { warning, path: format!("endpoints[{n}].{field}"), message });
    };
    for (gap, warning) in gaps(&endpoint.descriptor) {
        put(warning, "scheme", format!("endpoint `{}`: {gap}", endpoint.name));
    }
    for field in &endpoint.unused {
        put(
            true,
            field,
            "does nothing: the scheme signs no URL, or no time; take it out, or take another scheme".to_owned(),
        );
    }
    for (m, secret) in endpoint.secrets.iter().enumerate() {
        if secret.weak {
            put(
                true,
                &format!("secrets[{m}]"),
                format!(
                    "is shorter than {WEAK_SECRET_BYTES} bytes and can be guessed; have the sender make a longer one"
                ),
            );
        }
    }
    if endpoint.replay.is_none() && endpoint.descriptor.algorithm != Algorithm::StaticToken {
        put(true, "replay.window_s", "is 0: a delivery can be sent again and again; leave `replay` out".to_owned());
    }
    if endpoint.mode == Mode::Shadow {
        put(
            true,
            "mode",
            format!(
                "SHADOW: endpoint `{}` only watches, and forged webhooks pass; write \"enforce\" as soon as its counters \
                 look right",
                endpoint.name
            ),
        );
    }
}

/// What a scheme does not protect, and whether that is grave.
pub(super) fn gaps(descriptor: &Descriptor) -> Vec<(&'static str, bool)> {
    let mut gaps = Vec::new();
    if descriptor.algorithm == Algorithm::StaticToken {
        return vec![(
            "the secret itself is sent, and nothing is signed: whoever has seen one delivery can make others",
            true,
        )];
    }
    if descriptor.algorithm == Algorithm::Sha256SecretPrefix {
        gaps.push(("a hash is no MAC: whoever has seen one delivery can extend it", true));
    }
    if matches!(descriptor.algorithm, Algorithm::RsaPkcs1Sha1) {
        gaps.push(("SHA-1 no longer keeps two messages apart that somebody has made to look alike", true));
    }
    if descriptor.segments().any(|segment| *segment == Segment::BodyCrc32) {
        gaps.push((
            "of the body only a CRC-32 is signed: whoever has seen one delivery can send another body with it",
            true,
        ));
    } else if descriptor.each.is_some()
        || descriptor.segments().any(|segment| matches!(segment, Segment::Value(Place::Form(_))))
    {
        gaps.push(("signs some fields of the body, and not the rest of it", true));
    } else if !descriptor.covers_body() {
        gaps.push(("does not sign the body: whoever has seen one delivery can send another body with it", true));
    }
    if !descriptor.is_timed() && !descriptor.covers_time() {
        gaps.push(("has no time: a delivery stays good for ever, and `replay.window_s` is all that ends it", false));
    } else if !descriptor.covers_time() {
        gaps.push(("does not sign the time: a delivery that was seen can be sent again later with another", false));
    }
    match &descriptor.id {
        None => {}
        Some(_) if descriptor.covers_id() => {}
        Some(_) => gaps.push(("does not sign the id: x-webhook-id is what anybody wrote, good for logs alone", false)),
    }
    match &descriptor.event {
        Some(place) if !descriptor.covers(place) => {
            gaps.push(("does not sign the event's name: x-webhook-event is what anybody wrote", false));
        }
        Some(_) | None => {}
    }
    gaps
}
