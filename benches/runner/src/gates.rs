//! What takes turns: an Envoy for each variant, otherwise set up alike.

use lockgate_harness::{EnvoyBinary, EnvoyOptions};
use lockgate_measure::modules::say;
use lockgate_measure::{Ask, Client, Error, Listener, Modules, Portal, Scene, Stage, wasm};
use serde_json::Value;
use strip_work::lockgate_strip::CONFIGURATION;
use strip_work::serde_strip::Names;

/// What takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Envoy without a filter.
    Plain,
    /// Lockgate on a path that no rule is about.
    OtherPath,
    /// Lockgate at work.
    Lockgate,
    /// The comparison filter.
    Serde,
}

pub(crate) const VARIANTS: [Variant; 4] = [Variant::Plain, Variant::OtherPath, Variant::Lockgate, Variant::Serde];

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "no filter",
            Self::OtherPath => "revenue_strip, no rule matches",
            Self::Lockgate => "revenue_strip",
            Self::Serde => "serde_strip",
        }
    }

    pub(crate) fn path(self, body: &str) -> String {
        match self {
            Self::OtherPath => format!("/public/{body}"),
            Self::Plain | Self::Lockgate | Self::Serde => format!("/api/{body}"),
        }
    }

    fn strips(self) -> bool {
        matches!(self, Self::Lockgate | Self::Serde)
    }
}

/// An Envoy for each kind of filter.
pub(crate) struct Gates {
    plain: Gate,
    lockgate: Gate,
    serde: Gate,
}

pub(crate) struct Gate {
    pub(crate) stage: Stage,
    client: Client,
}

impl Gates {
    /// Starts one of each, checks that each variant does its work on these bodies, and warms them up.
    pub(crate) fn start(
        binary: &EnvoyBinary,
        modules: &Modules<'_>,
        bodies: &[(String, Vec<u8>)],
        options: impl Fn() -> EnvoyOptions,
    ) -> Result<Self, Error> {
        let portal = Portal::start(bodies.to_vec())?;
        let scene = Scene { buffer_bytes: Some(BUFFER_BYTES), ..Scene::before(portal.address()) };
        let gate = |filter: Option<Value>| -> Result<Gate, Error> {
            let listener = Listener { name: "gate".to_owned(), filters: filter.into_iter().collect() };
            let stage = Stage::start(binary, scene.yaml(&[listener]), options())?;
            let client = stage.client("gate")?.with_header("x-bench-roles", "MANAGER");
            Ok(Gate { stage, client })
        };
        let (lockgate, serde) = (modules.filter("revenue-strip")?, modules.serde_strip()?);
        say("starting Envoy: no filter, revenue_strip, serde_strip");
        let mut gates = Self {
            plain: gate(None)?,
            lockgate: gate(Some(wasm("bench", "bench", &lockgate, CONFIGURATION, &[])))?,
            serde: gate(Some(wasm("bench", "bench", &serde, "", &[])))?,
        };
        check(&mut gates, bodies)?;
        // V8 calls in and out of a module slowly until it has compiled wrappers for that, after a thousand calls or so.
        if let Some((smallest, _)) = bodies.first() {
            for variant in VARIANTS {
                gates.of(variant).ask(&variant.path(smallest), FIRST)?;
            }
        }
        Ok(gates)
    }

    pub(crate) fn of(&mut self, variant: Variant) -> &mut Gate {
        match variant {
            Variant::Plain => &mut self.plain,
            Variant::OtherPath | Variant::Lockgate => &mut self.lockgate,
            Variant::Serde => &mut self.serde,
        }
    }
}

impl Gate {
    pub(crate) fn ask(&mut self, path: &str, requests: u32) -> Result<(), Error> {
        (0..requests).try_for_each(|_| self.client.get(path))
    }

    /// CPU time of Envoy for each of so many requests, in microseconds.
    pub(crate) fn us_per_request(&mut self, path: &str, requests: u32) -> Result<f64, Error> {
        let before = self.stage.envoy.process().cpu_time()?;
        self.ask(path, requests)?;
        let used = self.stage.envoy.process().cpu_time()?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e6 / f64::from(requests))
    }
}

/// No figures of something that does not work.
fn check(gates: &mut Gates, bodies: &[(String, Vec<u8>)]) -> Result<(), Error> {
    let names = Names::new().map_err(|error| Error::wrong(error.to_string()))?;
    let parse = |bytes: &[u8], what: &str| -> Result<Value, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::wrong(format!("{what}: {error}")))
    };
    for (name, body) in bodies {
        let mut stripped = parse(body, name)?;
        names.strip(&mut stripped);
        for variant in VARIANTS {
            let what = format!("{}, {name}", variant.name());
            let ask = Ask { path: variant.path(name), ..Ask::default() };
            let (_, got) = gates.of(variant).client.send_for_body(&ask)?;
            let right = if variant.strips() { parse(&got, &what)? == stripped } else { got == *body };
            if !right {
                return Err(Error::wrong(format!("{what}: the answer is not what it must be")));
            }
        }
    }
    Ok(())
}

/// Enough for the comparison filter to gather the largest body; the same for all, so that only the filters differ.
const BUFFER_BYTES: u32 = 16 << 20;
const FIRST: u32 = 2000;
