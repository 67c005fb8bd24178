//! In what two matrices differ.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lockgate::jwt_auth::access::{Access, REVENUE};
use serde::Serialize;
use serde_json::Value;

use super::cell::{Caller, Cell, Direction};
use super::load::Loaded;
use super::table::{asks, at, methods, of_systems, other_method, patterns};
use super::witness::{Ground, Witness, crossed};

/// Everything that changes.
#[derive(Debug, Default, Serialize)]
pub(super) struct Diff {
    pub(super) endpoints: Vec<Change>,
    /// Roles that may see revenue in a system in one matrix only.
    pub(super) revenue: Vec<Revenue>,
    /// Fields that decide who holds a role, and that are not the same.
    pub(super) fields: Vec<String>,
}

/// What changes for some callers at an endpoint.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) system: Option<String>,
    pub(super) direction: Direction,
    /// Roles; `any token` is a token without a role, `no token` a request without one.
    pub(super) callers: Vec<String>,
    pub(super) before: Cell,
    pub(super) after: Cell,
    /// What the rules ask for, where there is one.
    pub(super) asked_before: Option<String>,
    pub(super) asked_after: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Revenue {
    pub(super) role: String,
    pub(super) system: Option<String>,
    /// Whether the role may see it after the change.
    pub(super) after: bool,
}

/// Two matrices and all that tells requests apart.
struct Both<'a> {
    before: &'a Access,
    after: &'a Access,
    ground: Ground,
    callers: Vec<(String, Caller<'a>)>,
}

impl Diff {
    /// # Errors
    /// The rules tell too many paths apart.
    pub(super) fn of(before: &Loaded, after: &Loaded) -> Result<Self, String> {
        let fields = fields(&before.json, &after.json);
        let (before, after) = (&before.access, &after.access);
        let mut callers = vec![("no token".to_owned(), Caller::NoToken), ("any token".to_owned(), Caller::NoRole)];
        let mut roles: Vec<&str> = before.role_names().collect();
        roles.extend(after.role_names().filter(|role| before.role_names().all(|other| other != *role)));
        callers.extend(roles.iter().map(|role| ((*role).to_owned(), Caller::Role(role))));
        let both = Both { before, after, ground: Ground::of(patterns(before).chain(patterns(after))), callers };
        Ok(Self { endpoints: both.endpoints()?, revenue: both.revenue(&roles), fields })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && self.revenue.is_empty() && self.fields.is_empty()
    }

    pub(super) fn text(&self) -> String {
        if self.is_empty() {
            return "no difference\n".to_owned();
        }
        let mut out = String::new();
        for change in &self.endpoints {
            let Change { method, path, callers, before, after, .. } = change;
            let (callers, mark) = (callers.join(", "), mark(change.direction));
            let _ = writeln!(out, "{mark} {method} {path}: {callers}: {} -> {}", before.shown(), after.shown());
            let asked = |text: &Option<String>| text.clone().unwrap_or("no rule: closed".to_owned());
            if change.asked_before != change.asked_after {
                let _ = writeln!(out, "    asked for: {}", asked(&change.asked_before));
                let _ = writeln!(out, "    asks for:  {}", asked(&change.asked_after));
            }
        }
        for Revenue { role, system, after } in &self.revenue {
            let place = system.as_ref().map_or(String::new(), |system| format!(" in {system}"));
            let (mark, words) = if *after { ("+", "may see it now") } else { ("-", "may see it no longer") };
            let _ = writeln!(out, "{mark} revenue: {role}{place} {words}");
        }
        for field in &self.fields {
            let _ = writeln!(out, "~ {field}: differs, and with it who holds a role");
        }
        let count = |wanted: Direction| self.endpoints.iter().filter(|change| change.direction == wanted).count();
        let (more, less, other) = (count(Direction::More), count(Direction::Less), count(Direction::Other));
        let _ = writeln!(out, "\n{more} changes give more rights (+), {less} fewer (-), {other} neither (~)");
        out
    }

    pub(super) fn markdown(&self) -> String {
        if self.is_empty() {
            return "no difference\n".to_owned();
        }
        let mut out = "| | method | path | who | before | after |\n|---|---|---|---|---|---|\n".to_owned();
        for change in &self.endpoints {
            let Change { method, path, callers, before, after, .. } = change;
            let (mark, callers) = (mark(change.direction), callers.join(", "));
            let method = method.replace('*', "\\*");
            let _ =
                writeln!(out, "| {mark} | {method} | `{path}` | {callers} | {} | {} |", before.shown(), after.shown());
        }
        for Revenue { role, system, after } in &self.revenue {
            let system = system.as_deref().unwrap_or("everywhere");
            let (mark, before, after) = if *after { ("+", "-", "yes") } else { ("-", "yes", "-") };
            let _ = writeln!(out, "| {mark} | | revenue in {system} | {role} | {before} | {after} |");
        }
        for field in &self.fields {
            let _ = writeln!(out, "| ~ | | `{field}` | | | differs |");
        }
        out
    }
}

impl Both<'_> {
    fn endpoints(&self) -> Result<Vec<Change>, String> {
        let mut spoken = methods(self.before);
        spoken.extend(methods(self.after).into_iter().filter(|method| !methods(self.before).contains(method)));
        let other = other_method(&spoken);
        spoken.push(other.clone());
        let mut witnesses: Vec<Witness> = self.witnesses()?.into_iter().collect();
        // The plainest first: it stands for those that come out the same.
        witnesses.sort_by_key(Witness::len);
        let mut seen = BTreeSet::new();
        let mut changes = Vec::new();
        for witness in &witnesses {
            let path = self.ground.request(witness);
            for method in &spoken {
                let key = [self.before, self.after].map(|access| {
                    let at = at(access.entry(method.as_bytes(), path.as_bytes()));
                    let system = access.system(path.as_bytes()).map(|system| access.system_name(system));
                    at.map(|at| (at.rule(), access.pattern(at), system))
                });
                if seen.insert((method, key)) {
                    let shown = if *method == other { "*" } else { method };
                    let place = self.place(method, &path).unwrap_or_else(|| witness.shown());
                    self.compare(method, &path, (shown, &place), &mut changes);
                }
            }
        }
        changes.sort_by(|one: &Change, other| (&one.path, &one.method).cmp(&(&other.path, &other.method)));
        Ok(changes)
    }

    /// The pattern that says where the change is: the narrower of the two, where one of them is.
    fn place(&self, method: &str, path: &str) -> Option<String> {
        let [before, after] = [self.before, self.after].map(|access| {
            let at = at(access.entry(method.as_bytes(), path.as_bytes()))?;
            let paths = access.rule(at)?.matches().paths();
            paths.iter().find(|pattern| pattern.as_str() == access.pattern(at))
        });
        let narrower = match (before, after) {
            (Some(one), None) | (None, Some(one)) => one,
            (Some(before), Some(after)) if before.covers(after) => after,
            (Some(before), Some(after)) if after.covers(before) => before,
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(narrower.as_str().to_owned())
    }

    /// What changes for whom at an endpoint; callers for whom the same changes stand together.
    fn compare(&self, method: &str, path: &str, shown: (&str, &str), changes: &mut Vec<Change>) {
        let mut here: Vec<Change> = Vec::new();
        for (name, caller) in &self.callers {
            let before = Cell::of(self.before, method, path, *caller);
            let after = Cell::of(self.after, method, path, *caller);
            if before.same(&after) {
                continue;
            }
            if let Some(same) = here.iter_mut().find(|change| change.before == before && change.after == after) {
                same.callers.push(name.clone());
                continue;
            }
            let asked = |access: &Access| {
                at(access.entry(method.as_bytes(), path.as_bytes())).and_then(|at| access.rule(at)).map(asks)
            };
            let system = self.after.system(path.as_bytes()).map(|system| self.after.system_name(system).to_owned());
            here.push(Change {
                method: shown.0.to_owned(),
                path: shown.1.to_owned(),
                system,
                direction: before.towards(&after),
                callers: vec![name.clone()],
                before,
                after,
                asked_before: asked(self.before),
                asked_after: asked(self.after),
            });
        }
        changes.append(&mut here);
    }

    /// Where a rule and a system of the one meet those of the other.
    fn witnesses(&self) -> Result<BTreeSet<Witness>, String> {
        let [before, after] = [self.before, self.after].map(|access| {
            let rules = access.rules().iter().flat_map(|rule| rule.matches().paths());
            let own: BTreeSet<Witness> = rules.flat_map(|path| self.ground.paths(path)).collect();
            crossed(&own, &of_systems(access, &self.ground))
        });
        let (before, after) = (before?, after?);
        let mut all = crossed(&before, &after)?;
        all.extend(after);
        Ok(all)
    }

    fn revenue(&self, roles: &[&str]) -> Vec<Revenue> {
        let sees = |access: &Access, role: &str, system: Option<&str>| {
            let place = system.and_then(|name| access.system_ids().find(|id| access.system_name(*id) == name));
            let known = system.is_none() || place.is_some();
            known && access.holder(role, place).is_some_and(|holder| holder.may(REVENUE))
        };
        let mut systems: Vec<Option<&str>> = vec![None];
        for (name, _) in self.before.systems().chain(self.after.systems()) {
            if !systems.contains(&Some(name)) {
                systems.push(Some(name));
            }
        }
        let mut changes = Vec::new();
        for role in roles {
            for system in &systems {
                let [before, after] = [self.before, self.after].map(|access| sees(access, role, *system));
                if before != after {
                    changes.push(Revenue { role: (*role).to_owned(), system: system.map(str::to_owned), after });
                }
            }
        }
        changes
    }
}

/// The fields that decide who holds a role, and that differ.
fn fields(before: &Value, after: &Value) -> Vec<String> {
    let mut fields = Vec::new();
    if before.get("claims") != after.get("claims") {
        fields.push("claims".to_owned());
    }
    let systems = |json: &Value| json.get("systems").and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (systems(before), systems(after));
    for (name, system) in &after {
        let Some(old) = before.get(name) else { continue };
        for field in ["roles", "claims"] {
            if old.get(field) != system.get(field) {
                fields.push(format!("systems.{name}.{field}"));
            }
        }
    }
    fields
}

fn mark(direction: Direction) -> &'static str {
    match direction {
        Direction::More => "+",
        Direction::Less => "-",
        Direction::Other => "~",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, most: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % most
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }
    }

    fn loaded(numbers: &mut Numbers) -> Option<Loaded> {
        let rules: Vec<String> = (0..1 + numbers.below(4))
            .map(|_| {
                let path = numbers.pick(&["/a", "/a/*", "/a/**", "/*/b", "/**/b", "/a/b", "/**", "/*/*", "/a/*/b"]);
                let methods = numbers.pick(&["", r#", "methods": ["GET"]"#, r#", "methods": ["GET", "PUT"]"#]);
                let asks = numbers.pick(&[
                    r#""require": {}"#,
                    r#""require": {"roles": ["A"]}"#,
                    r#""require": {"permissions": ["p"]}"#,
                    r#""public": true"#,
                ]);
                format!(r#"{{"match": {{"paths": ["{path}"]{methods}}}, {asks}}}"#)
            })
            .collect();
        let system = numbers.pick(&["/a/**", "/a/*", "/b/**"]);
        let text = format!(
            r#"{{"systems": {{"s": {{"paths": ["{system}"]}}}},
                "access": {{"roles": {{"A": {{"systems": ["s"], "permissions": ["p"]}}}}, "rules": [{}]}}}}"#,
            rules.join(", ")
        );
        let access = Access::from_json(text.as_bytes()).ok()?;
        Some(Loaded { access, json: serde_json::from_str(&text).unwrap() })
    }

    #[test]
    fn no_difference_is_missed_and_none_invented() {
        let mut numbers = Numbers(7);
        let mut paths = vec![String::new()];
        for _ in 0..4 {
            let longer: Vec<String> =
                paths.iter().flat_map(|path| ["a", "b", "c"].map(|next| format!("{path}/{next}"))).collect();
            paths.extend(longer);
            paths.sort_unstable();
            paths.dedup();
        }
        let callers = [Caller::NoToken, Caller::NoRole, Caller::Role("A")];
        let mut different = 0;
        for _ in 0..400 {
            let (Some(before), Some(after)) = (loaded(&mut numbers), loaded(&mut numbers)) else { continue };
            let mut differs = false;
            for path in paths.iter().skip(1) {
                for (method, caller) in ["GET", "PUT", "BREW"].iter().flat_map(|method| callers.map(|it| (method, it)))
                {
                    let cell = |loaded: &Loaded| Cell::of(&loaded.access, method, path, caller);
                    differs |= !cell(&before).same(&cell(&after));
                }
            }
            let diff = Diff::of(&before, &after).unwrap();
            assert_eq!(!diff.endpoints.is_empty(), differs, "{}\n{}\n{}", before.json, after.json, diff.text());
            different += usize::from(differs);
        }
        assert!(different > 50, "{different}");
        let same = loop {
            if let Some(loaded) = loaded(&mut numbers) {
                break loaded;
            }
        };
        assert!(Diff::of(&same, &same).unwrap().is_empty());
    }
}
