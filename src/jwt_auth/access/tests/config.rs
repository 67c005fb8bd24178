//! What is refused, where, and the way out.

use serde_json::{Value as Json, json};

use super::super::{
    Access, MAX_DETAIL_BYTES, MAX_GRANTED, MAX_MAPPED_ROLES, MAX_NAME_BYTES, MAX_PATHS, MAX_REQUIRED, MAX_ROLES,
    MAX_RULES, MAX_SEGMENTS, MAX_STEP_UP_AGE_S, MAX_STEP_UP_VALUES, MAX_SYSTEMS,
};
use super::{access, matrix, refusal};
use crate::matching::MAX_MATCH_ENTRIES;

/// The matrix with one value replaced or added.
fn with(pointer: &str, value: Json) -> Json {
    let mut matrix = matrix();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = matrix.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match parent {
        Json::Array(list) => match name.parse::<usize>() {
            Ok(place) => list[place] = value,
            Err(_) => list.push(value),
        },
        _ => parent[name] = value,
    }
    matrix
}

fn rule(require: Json) -> Json {
    json!({"match": {"paths": ["/x/*"]}, "require": require})
}

#[test]
fn a_fault_is_named_with_its_place_and_the_way_out() {
    let long = "x".repeat(MAX_NAME_BYTES + 1);
    let added = |rule: Json| with("/access/rules/-", rule);
    let tenant = |tenant: Json| added(rule(json!({ "tenant": tenant })));
    let step_up = |step_up: Json| added(rule(json!({ "step_up": step_up })));
    let cases = [
        // Systems.
        (with("/systems", json!({})), "systems: is empty; name a system, or leave it out"),
        (with("/systems/onboarding/paths", json!([])), "systems.onboarding.paths: is empty; name the paths"),
        (with("/systems/onboarding/paths/0", json!("api")), "systems.onboarding.paths[0]: `api` can never match"),
        (with("/systems/onboarding/pathz", json!([])), "systems.onboarding.pathz: unknown field `pathz`"),
        (
            with("/systems/onboarding/paths/0", json!("/api/*/faults")),
            "systems.onboarding.paths[0]: `/api/*/faults` and `/api/maintenance/**` of systems.maintenance have paths in \
             common, and whose role counts there is open; leave them to one system",
        ),
        (
            with("/systems/onboarding/roles/X", json!("manager")),
            "systems.onboarding.roles.X: `manager` must be a role of access.roles (MANAGER, SMS_ADMIN, TECHNICIAN); letters \
             count as written",
        ),
        (with("/systems/onboarding/roles/", json!("MANAGER")), "systems.onboarding.roles: has an empty spelling"),
        (
            with("/systems/onboarding/claims", json!({"roles": "a..b"})),
            "systems.onboarding.claims.roles: `a..b` is no claim",
        ),
        (
            with("/systems/onboarding/claims", json!({"subject": "a"})),
            "systems.onboarding.claims.subject: unknown field",
        ),
        // Claims.
        (with("/claims", json!({"subject": "{system}.sub"})), "claims.subject: must not have {system}"),
        (with("/claims", json!({"roles": "/a~2"})), "claims.roles: `/a~2` is no claim: `~` must be written ~0"),
        (
            with("/claims", json!({"role_separator": "tab"})),
            "claims.role_separator: unknown variant `tab`, expected one of",
        ),
        (with("/claims", json!({"role": "a"})), "claims.role: unknown field `role`"),
        // Roles.
        (with("/access/roles/MANAGER/systems", json!([])), "access.roles.MANAGER.systems: names no system"),
        (with("/access/roles/X", json!({})), "access.roles.X.systems: names no system: the role would count nowhere"),
        (
            with("/access/roles/MANAGER/systems/0", json!("Onboarding")),
            "access.roles.MANAGER.systems[0]: `Onboarding` must be a system of `systems` (maintenance, onboarding), or the",
        ),
        (with("/access/roles/MANAGER/systems/0", json!("*")), "access.roles.MANAGER.systems[0]: `*` must be a system"),
        (
            with("/access/roles/MANAGER/permissions/0", json!("a*")),
            "access.roles.MANAGER.permissions[0]: `a*` could never",
        ),
        (with("/access/roles/MANAGER/permissions/0", json!("*:a")), "access.roles.MANAGER.permissions[0]: `*:a` could"),
        (
            with("/access/roles/MANAGER/permissions/0", json!("a:*:*")),
            "access.roles.MANAGER.permissions[0]: `a:*:*` could",
        ),
        (
            with("/access/roles/MANAGER/permissions/0", json!("")),
            "access.roles.MANAGER.permissions[0]: must be 1..=128",
        ),
        (
            with("/access/roles/MANAGER/permissions/0", json!("lockgate.revenue")),
            "access.roles.MANAGER.permissions[0]: is granted by `revenue` alone; write \"revenue\": true",
        ),
        (with("/access/roles/SMS_ADMIN/revenue", json!(false)), "access.roles.SMS_ADMIN.revenue: is false, and a `*`"),
        (with("/access/roles/MANAGER/revenu", json!(true)), "access.roles.MANAGER.revenu: unknown field `revenu`"),
        (
            with(&format!("/access/roles/{long}"), json!({"systems": ["*"]})),
            &format!("access.roles.{long}: must be 1..=128"),
        ),
        // Rules.
        (with("/access/rules", json!([])), "access.rules: is empty: everything would be closed; add a rule"),
        (
            with("/access/rules/0/name", json!("approve")),
            "access.rules[2].name: `approve` is already the name of access.rules[0]",
        ),
        (with("/access/rules/2/name", json!("rule-0")), "access.rules[2].name: `rule-0` is already the name of"),
        (with("/access/rules/2/name", json!("")), "access.rules[2].name: must be 1..=128 bytes"),
        (with("/access/rules/2/match/paths", json!([])), "access.rules[2].match.paths: is empty"),
        (with("/access/rules/2/match/methods/0", json!("put")), "access.rules[2].match.methods[0]: `put` is no method"),
        (with("/access/rules/0/public", json!(false)), "access.rules[0].public: must be true, or left out"),
        (with("/access/rules/0/require", json!({})), "access.rules[0]: must have one of require, public and webhook"),
        (with("/access/rules/0", json!({"match": {"paths": ["/x"]}})), "access.rules[0]: must have one of"),
        (with("/access/rules/0/mode", json!("shadow")), "access.rules[0].mode: of a public rule must be left out"),
        (with("/access/rules/2/mode", json!("watch")), "access.rules[2].mode: unknown variant `watch`"),
        (with("/access/rules/1/webhook", json!("")), "access.rules[1].webhook: must be 1..=128 bytes"),
        (
            with("/access/rules/2/require/roles", json!([])),
            "access.rules[2].require.roles: is empty; name what is needed",
        ),
        (with("/access/rules/2/require/permissions", json!([])), "access.rules[2].require.permissions: is empty"),
        (
            with("/access/rules/2/require/roles/0", json!("sms_admin")),
            "access.rules[2].require.roles[0]: `sms_admin` must be a role of access.roles",
        ),
        (
            with("/access/rules/2/require/permissions/0", json!("read:*")),
            "access.rules[2].require.permissions[0]: `read:*` must name one permission; `*` stands only in what a role is",
        ),
        (with("/access/rules/2/require/scopes", json!([])), "access.rules[2].require.scopes: unknown field `scopes`"),
        // Tenants.
        (tenant(json!({"segment": 2})), "access.rules[7].require.tenant: missing field `type`"),
        (tenant(json!({"type": "text"})), "access.rules[7].require.tenant: must have one of segment and header"),
        (
            tenant(json!({"type": "text", "segment": 2, "header": "x"})),
            "access.rules[7].require.tenant: must have one of",
        ),
        (
            tenant(json!({"type": "number", "segment": 2})),
            "access.rules[7].require.tenant.type: unknown variant `number`",
        ),
        (
            tenant(json!({"type": "text", "segment": 1})),
            "access.rules[7].require.tenant.segment: 1 must be a `*` in every",
        ),
        (tenant(json!({"type": "text", "segment": 0})), "access.rules[7].require.tenant.segment: 0 must be"),
        (tenant(json!({"type": "text", "segment": 3})), "access.rules[7].require.tenant.segment: 3 must be"),
        (
            added(json!({"match": {"paths": ["/**/x/*"]}, "require": {"tenant": {"type": "text", "segment": 3}}})),
            "access.rules[7].require.tenant.segment: 3 must be a `*` in every path, with no `**` before it; /**/x/* has none",
        ),
        (
            tenant(json!({"type": "text", "header": "x y"})),
            "access.rules[7].require.tenant.header: `x y` is no header name",
        ),
        (
            tenant(json!({"type": "text", "segment": 2, "claim": ""})),
            "access.rules[7].require.tenant.claim: `` is no claim",
        ),
        (
            tenant(json!({"type": "text", "segment": 2, "unless": {}})),
            "access.rules[7].require.tenant.unless: names neither",
        ),
        // Step-up.
        (step_up(json!({})), "access.rules[7].require.step_up: must have one of amr, acr and max_age_s"),
        (step_up(json!({"amr": []})), "access.rules[7].require.step_up.amr: is empty"),
        (
            step_up(json!({"acr": ["a\"b"]})),
            "access.rules[7].require.step_up.acr[0]: must be ASCII without blanks, quotes",
        ),
        (step_up(json!({"max_age_s": 0})), "access.rules[7].require.step_up.max_age_s: is 0 and must be 1..=86400"),
        (
            step_up(json!({"max_age_s": MAX_STEP_UP_AGE_S + 1})),
            "access.rules[7].require.step_up.max_age_s: is 86401 and must be 1..=86400",
        ),
    ];
    let mut wrong = Vec::new();
    for (config, want) in &cases {
        let message = refusal(config);
        if !message.starts_with(want) {
            wrong.push(format!("{message}\n{want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_stand_once() {
    for (text, want) in [
        (r#"{"systems":{"a":{"paths":["/a"]},"a":{"paths":["/b"]}},"access":{"rules":[]}}"#, "systems.a: stands twice"),
        (r#"{"access":{"roles":{"a":{},"a":{}},"rules":[]}}"#, "access.roles.a: stands twice"),
        (
            r#"{"systems":{"a":{"paths":["/a"],"roles":{"x":"A","x":"B"}}},"access":{"rules":[]}}"#,
            "systems.a.roles.x: stands twice",
        ),
        (r#"{"access":{"rules":[],"rules":[]}}"#, "access.rules: duplicate field `rules`"),
        (r#"{}"#, "(configuration): missing field `access`"),
    ] {
        let message = Access::from_json(text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with(want), "{message}");
    }
}

#[test]
fn without_systems_all_paths_are_of_one() {
    let plain =
        |roles: Json| json!({"access": {"roles": roles, "rules": [{"match": {"paths": ["/a"]}, "require": {}}]}});
    for roles in [json!({}), json!({"A": {}}), json!({"A": {"systems": []}}), json!({"A": {"systems": ["*"]}})] {
        access(&plain(roles));
    }
    let message = refusal(&plain(json!({"A": {"systems": ["s"]}})));
    assert_eq!(
        message,
        "access.roles.A.systems[0]: `s` must be a system of `systems` (there are none), or the list [\"*\"]"
    );
    let mut config = plain(json!({}));
    config["claims"] = json!({"roles": "resource_access.{system}.roles"});
    assert!(refusal(&config).starts_with("claims.roles: must not have {system}"));
    access(&json!({"access": {"rules": [{"match": {"paths": ["/a"]}, "require": {"permissions": ["p"]}}]}}));
}

#[test]
fn every_bound_holds() {
    let names = |count: usize| (0..count).map(|n| json!(format!("n{n}"))).collect::<Vec<_>>();
    let many = |count: usize, value: Json| Json::Object((0..count).map(|n| (format!("n{n}"), value.clone())).collect());
    let systems = |count: usize| {
        let system = |n: usize| (format!("s{n}"), json!({"paths": [format!("/s{n}")]}));
        Json::Object((0..count).map(system).collect())
    };
    let paths = |count: usize| (0..count).map(|n| json!(format!("/p{n}"))).collect::<Vec<_>>();
    let rules = |count: usize, paths: usize| -> Json {
        let path = |n: usize| (0..paths).map(|k| format!("/r{n}/{k}")).collect::<Vec<_>>();
        (0..count).map(|n| json!({"match": {"paths": path(n)}, "require": {}})).collect()
    };
    let least = |field: &str, value: Json| {
        let mut config = json!({
            "systems": {"s": {"paths": ["/x/**"]}},
            "access": {"roles": {"R": {"systems": ["*"]}}, "rules": [{"match": {"paths": ["/x/*"]}, "require": {}}]},
        });
        let mut at = &mut config;
        for step in field.split('.') {
            at = match step.parse::<usize>() {
                Ok(place) => &mut at[place],
                Err(_) => &mut at[step],
            };
        }
        *at = value;
        config
    };
    let deep = |count: usize| json!(["/x".repeat(count)]);
    let permits: [(&str, usize, &dyn Fn(usize) -> Json); 15] = [
        ("systems", MAX_SYSTEMS, &systems),
        ("systems.s.paths", MAX_MATCH_ENTRIES, &|count| json!(paths(count))),
        ("systems.s.paths", MAX_SEGMENTS, &deep),
        ("systems.s.roles", MAX_MAPPED_ROLES, &|count| many(count, json!("R"))),
        ("access.roles", MAX_ROLES, &|count| many(count, json!({"systems": ["*"]}))),
        ("access.roles.R.permissions", MAX_GRANTED, &|count| json!(names(count))),
        ("access.rules", MAX_RULES, &|count| rules(count, 1)),
        ("access.rules", MAX_PATHS / 16, &|count| rules(count, 16)),
        ("access.rules.0.match.paths", MAX_SEGMENTS, &deep),
        ("access.rules.0.require.permissions", MAX_REQUIRED, &|count| json!(names(count))),
        ("access.rules.0.require.roles", MAX_REQUIRED, &|count| json!(vec!["R"; count])),
        ("access.rules.0.require.step_up", MAX_STEP_UP_VALUES, &|count| json!({"amr": names(count)})),
        ("access.rules.0.require.step_up", MAX_STEP_UP_VALUES, &|count| json!({"acr": names(count)})),
        ("access.rules.0.detail", MAX_DETAIL_BYTES, &|count| json!("x".repeat(count))),
        ("access.rules.0.name", MAX_NAME_BYTES, &|count| json!("x".repeat(count))),
    ];
    for (field, most, value) in permits {
        access(&least(field, value(most)));
        let message = refusal(&least(field, value(most + 1)));
        assert!(
            message.contains("at most") || message.contains("must be") || message.contains("more than"),
            "{message}"
        );
    }
    let wide = |of_each: usize| {
        let system = |n: usize| {
            (format!("s{n}"), json!({"paths": (0..of_each).map(|k| format!("/{n}/{k}")).collect::<Vec<_>>()}))
        };
        Json::Object((0..16).map(system).collect())
    };
    access(&least("systems", wide(MAX_PATHS / 16)));
    assert!(refusal(&least("systems", wide(MAX_PATHS / 16 + 1))).starts_with("systems: has 1040 paths of all systems"));
}
