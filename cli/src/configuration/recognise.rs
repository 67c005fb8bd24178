//! Which filter a Wasm plugin is.

use crate::filter::Filter;

/// What the names of a plugin tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    /// One of ours.
    Known(Filter),
    /// Ours by its name, and which one cannot be told.
    Unclear,
    /// Somebody else's.
    Other,
}

/// Looks at the names in turn: the module's file or image first, then what the operator called it.
pub(super) fn recognise<'a>(names: impl IntoIterator<Item = &'a str>) -> Maker {
    let mut maker = Maker::Other;
    for name in names {
        let name = bare(name);
        if name == CHAIN {
            return Maker::Known(Filter::Lockgate);
        }
        let one = Filter::ALL.into_iter().filter(|&filter| filter != Filter::Lockgate);
        if let Some(filter) = one.into_iter().find(|filter| name.contains(filter.name())) {
            return Maker::Known(filter);
        }
        if name.contains("lockgate") {
            maker = Maker::Unclear;
        }
    }
    maker
}

/// The chain's module. Its name is that of all of us, so that nothing else that is called so need be it.
const CHAIN: &str = "lockgate.wasm";

/// `https://x.example/a/revenue_strip.wasm?v=1`, `oci://x.example/lockgate/revenue-strip:0.1` → `revenue-strip`.
fn bare(name: &str) -> String {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let last = last.split(['@', ':']).next().unwrap_or_default();
    last.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_known_by_its_module_or_its_name() {
        let ours = Maker::Known(Filter::RevenueStrip);
        for (names, want) in [
            (&["target/wasm32-wasip1/release/revenue_strip.wasm"][..], ours),
            (&["oci://x.example/lockgate/revenue-strip:0.1@sha256:00"], ours),
            (&["https://x.example/w/Revenue_Strip.wasm?v=1"], ours),
            (&["/etc/plugin.wasm", "lockgate-revenue-strip"], ours),
            (&["/etc/plugin.wasm", "lockgate"], Maker::Unclear),
            (&["target/wasm32-wasip1/release/lockgate.wasm", "x"], Maker::Known(Filter::Lockgate)),
            (&["oci://x.example/lockgate:0.1"], Maker::Unclear),
            (&["oci://x.example/lockgate/revenue-strip:0.1"], ours),
            (&["/etc/plugin.wasm", "lockgate-gateway"], Maker::Unclear),
            (&["https://revenue-strip.example/other.wasm", "x"], Maker::Other),
            (&[], Maker::Other),
        ] {
            assert_eq!(recognise(names.iter().copied()), want, "{names:?}");
        }
    }
}
