//! What is asked, and what must come.

use lockgate::revenue_strip::DEFAULT_NAMES;
use serde_json::Value;
use strip_work::bodies::{Style, purchase_orders};

use super::variant::Entry;
use crate::native::Cache;
use crate::token::{Issuer, forged};
use crate::{Ask, Client, Error, Portal, Stage, hook, policies};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A page of purchase orders.
    Get {
        /// The last part of its path.
        name: &'static str,
        /// About so long; 0 is no body.
        bytes: usize,
        /// So many requests are enough to count the instructions of one.
        counted: u32,
    },
    /// A signed delivery of 1 KB, each another one.
    Hook,
}

impl Work {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Get { name: "0", bytes: 0, counted: 400 },
        Self::Get { name: "1k", bytes: 1_000, counted: 400 },
        Self::Get { name: "100k", bytes: 100_000, counted: 40 },
        Self::Get { name: "1300k", bytes: 1_300_000, counted: 6 },
        Self::Get { name: "20m", bytes: 20_000_000, counted: 2 },
        Self::Hook,
    ];

    /// As users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get { name, .. } => name,
            Self::Hook => "hook",
        }
    }

    /// As tables have it.
    #[must_use]
    pub fn means(self) -> String {
        match self {
            Self::Get { bytes: 0, .. } => "no body".to_owned(),
            Self::Get { bytes, .. } if bytes < 1_000_000 => format!("{} KB", bytes / 1000),
            Self::Get { bytes, .. } => format!("{:.1} MB", bytes as f64 / 1e6),
            Self::Hook => "webhook, 1 KB".to_owned(),
        }
    }

    /// The work of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.name() == name)
    }

    /// Whether counting it under Valgrind takes minutes for each variant.
    pub(super) fn is_very_long(self) -> bool {
        matches!(self, Self::Get { bytes, .. } if bytes > 10_000_000)
    }

    /// So many requests are enough to count the instructions of one.
    pub(super) fn counted(self) -> u32 {
        match self {
            Self::Get { counted, .. } => counted,
            Self::Hook => 200,
        }
    }

    /// Clients at once: a few of the long ones fill the machine.
    pub(super) fn connections(self, most: u32) -> u32 {
        if self.is_very_long() { 1 } else { most }
    }

    fn path(self) -> String {
        format!("{PARTS}{}", self.name())
    }
}

/// Those who ask: tokens, signatures, and the portal with its bodies.
#[derive(Debug)]
pub(super) struct Callers {
    /// Who signs tokens.
    pub(super) issuer: Issuer,
    /// Who sends webhooks.
    pub(super) sender: hook::Sender,
    /// What is behind Envoy.
    pub(super) portal: Portal,
    token: String,
    bodies: Vec<(Work, Vec<u8>)>,
}

impl Callers {
    /// Starts the portal with the bodies of these works.
    ///
    /// # Errors
    /// It cannot listen.
    pub(super) fn start(works: &[Work]) -> Result<Self, Error> {
        let issuer = Issuer::new()?;
        let bodies: Vec<(Work, Vec<u8>)> = works
            .iter()
            .filter_map(|&work| match work {
                Work::Get { bytes: 0, .. } => Some((work, Vec::new())),
                Work::Get { bytes, .. } => Some((work, purchase_orders(bytes, Style::Minified))),
                Work::Hook => None,
            })
            .collect();
        let hooks = [("maintenance".to_owned(), br#"{"taken":true}"#.to_vec())];
        let keys = [("keys".to_owned(), issuer.key_set().to_string().into_bytes())];
        let answers = bodies.iter().map(|(work, body)| (work.name().to_owned(), body.clone()));
        let portal = Portal::start(answers.chain(hooks).chain(keys))?;
        let token = issuer.token("usr-2002");
        Ok(Self { token, issuer, sender: hook::Sender::new(), portal, bodies })
    }

    /// A client with a good token.
    pub(super) fn client(&self, stage: &Stage, entry: Entry) -> Result<Client, Error> {
        Ok(self.nobody(stage, entry)?.with_header("authorization", &format!("Bearer {}", self.token)))
    }

    fn nobody(&self, stage: &Stage, entry: Entry) -> Result<Client, Error> {
        Ok(stage
            .client(&entry.name())?
            .with_header("x-forwarded-for", "203.0.113.7")
            .with_header(policies::SUBJECT_HEADER, "usr-2002")
            .with_header(policies::ROLES_HEADER, "MANAGER"))
    }

    /// One request of this work, which must get 200.
    pub(super) fn ask(&self, work: Work) -> Result<Ask, Error> {
        match work {
            Work::Get { .. } => Ok(Ask { path: work.path(), ..Ask::default() }),
            Work::Hook => self.sender.delivery(HOOK_BYTES),
        }
    }

    /// Whether an entry does its work: what is wrong if not. No figures of something that does not work.
    ///
    /// # Errors
    /// Envoy is gone.
    pub(super) fn fault(&self, stage: &Stage, entry: Entry, work: Work) -> Result<Option<String>, Error> {
        let mut client = self.client(stage, entry)?;
        let mut ask = self.ask(work)?;
        let (status, got) = match client.send_for_body(&ask) {
            Ok(answer) => answer,
            Err(Error::Broken { why, .. }) => return Ok(Some(why)),
            Err(error) => return Err(error),
        };
        if status != 200 {
            return Ok(Some(format!("answers {status}")));
        }
        let variant = entry.variant;
        if let Some((_, body)) = self.bodies.iter().find(|(known, _)| *known == work) {
            if variant.strips() && !body.is_empty() {
                let Ok(mut want) = serde_json::from_slice::<Value>(body) else {
                    return Err(Error::wrong("a body of ours is no JSON"));
                };
                take_out(&mut want);
                if serde_json::from_slice::<Value>(&got).ok() != Some(want) {
                    return Ok(Some("what it lets through is not what must be left".to_owned()));
                }
            } else if got != *body {
                return Ok(Some("what it lets through is not what the portal sent".to_owned()));
            }
        }
        if let Some(body) = &mut ask.body
            && matches!(variant.name(), "webhook-verify" | "chain" | "chain-telling")
        {
            body.reverse();
            if client.send(&ask)? != 401 {
                return Ok(Some("takes a forged delivery".to_owned()));
            }
        }
        if variant.verifies() && work != Work::Hook {
            let token = format!("Bearer {}", forged(&self.token));
            let get = Ask { path: work.path(), ..Ask::default() };
            for (what, mut client) in [
                ("a forged token", self.nobody(stage, entry)?.with_header("authorization", &token)),
                ("no token", self.nobody(stage, entry)?),
            ] {
                if client.send(&get)? != 401 {
                    return Ok(Some(format!("takes {what}")));
                }
            }
        }
        if variant.decides() && client.send(&Ask { path: FORBIDDEN.to_owned(), ..Ask::default() })? != 403 {
            return Ok(Some("lets a manager read revenue reports".to_owned()));
        }
        Ok(None)
    }

    /// Whether everything that counts has counted.
    pub(super) fn check_counts(&self, stage: &Stage, entries: &[Entry]) -> Result<(), Error> {
        let stats = stage.envoy.stats("")?;
        for entry in entries {
            for counter in entry.variant.counters() {
                if !stats.iter().any(|(name, count)| name.ends_with(counter) && *count > 0) {
                    return Err(Error::wrong(format!("{}: nothing is counted in {counter}", entry.name())));
                }
            }
        }
        Ok(())
    }
}

/// The default lists by other means than the filters': no pattern, no automaton.
fn take_out(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !is_revenue(name));
            members.values_mut().for_each(take_out);
        }
        Value::Array(elements) => elements.iter_mut().for_each(take_out),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_revenue(name: &str) -> bool {
    let small = name.to_lowercase();
    let internal_cost = small.find("cost").is_some_and(|at| small.get(at..).unwrap_or_default().contains("internal"));
    internal_cost
        || DEFAULT_NAMES.contains(&name)
        || ["markup", "profit", "margin", "revenue", "pricing"].iter().any(|word| small.contains(word))
}

/// Both kinds of memory.
pub(super) const CACHES: [Cache; 2] = [Cache::Warm, Cache::Off];
/// What managers may read.
pub(super) const PARTS: &str = "/api/maintenance/parts/";
/// What they may not.
pub(super) const FORBIDDEN: &str = "/api/maintenance/revenue-reports/1k";
pub(super) const HOOK_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_read_back() {
        for work in Work::ALL {
            assert_eq!(Work::parse(work.name()), Some(work));
        }
        assert_eq!(Work::parse("2k"), None);
        let means: Vec<String> = Work::ALL.iter().map(|work| work.means()).collect();
        assert_eq!(means, ["no body", "1 KB", "100 KB", "1.3 MB", "20.0 MB", "webhook, 1 KB"]);
    }

    #[test]
    fn what_must_be_left_has_no_name_of_the_lists() {
        let mut value = json!({
            "unit_cost": 1, "unitCost": 1, "Unit_Cost": 2, "a": [{"grossMargin": 1, "b": {"cost_for_internal_use": 1, "costs": 3}}],
            "internal_cost": 4, "pricing": {"c": 1},
        });
        take_out(&mut value);
        assert_eq!(value, json!({"Unit_Cost": 2, "a": [{"b": {"costs": 3}}], "internal_cost": 4}));
    }
}
