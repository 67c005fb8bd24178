//! What is said of a matrix that is accepted, and rules that no request reaches.

use serde_json::{Value as Json, json};

use super::super::{Finding, Severity};
use super::{access, matrix, refusal};

#[test]
fn a_rule_that_no_request_reaches_is_refused() {
    let of = |rules: Json| json!({"access": {"rules": rules}});
    let rule = |paths: &[&str], methods: &[&str]| match methods {
        [] => json!({"match": {"paths": paths}, "require": {}}),
        methods => json!({"match": {"paths": paths, "methods": methods}, "require": {}}),
    };
    let dead = [
        (json!([rule(&["/**"], &[]), rule(&["/a"], &["GET"])]), 1, 0),
        (json!([rule(&["/x"], &[]), rule(&["/a/**"], &[]), rule(&["/a/*/b", "/a"], &[])]), 2, 1),
        (json!([rule(&["/a"], &["GET"]), rule(&["/a"], &["PUT"]), rule(&["/a"], &["PUT", "GET"])]), 2, 1),
        (json!([rule(&["/a/*"], &["GET"]), rule(&["/b"], &[]), rule(&["/a/b", "/b"], &["GET"])]), 2, 0),
        (json!([rule(&["/a"], &[]), rule(&["/a"], &[])]), 1, 0),
    ];
    for (rules, n, by) in dead {
        let message = refusal(&of(rules));
        let want =
            format!("access.rules[{n}].match: can never match: access.rules[{by}] stands before it and takes its");
        assert!(message.starts_with(&want), "{message}");
    }
    for alive in [
        json!([rule(&["/a"], &["GET"]), rule(&["/a"], &[])]),
        json!([rule(&["/a"], &["GET"]), rule(&["/a"], &["HEAD"])]),
        json!([rule(&["/a"], &[]), rule(&["/a/"], &[])]),
        json!([rule(&["/a"], &[]), rule(&["/A"], &[])]),
        json!([rule(&["/a/*"], &[]), rule(&["/a/**"], &[])]),
        json!([rule(&["/a/*"], &["GET"]), rule(&["/a/b"], &["GET", "PUT"])]),
    ] {
        access(&of(alive));
    }
}

fn said(config: &Json) -> Vec<String> {
    let mark = |severity| if severity == Severity::Warning { "" } else { "note: " };
    let text = |Finding { severity, path, message }: Finding| format!("{}{path}: {message}", mark(severity));
    access(config).findings().into_iter().map(text).collect()
}

/// A matrix about which there is nothing to say.
fn plain() -> Json {
    json!({
        "systems": {"s": {"paths": ["/s/**"], "roles": {"a": "A", "b": "B"}}, "t": {"paths": ["/t/**"]}},
        "access": {
            "roles": {"A": {"systems": ["s", "t"], "permissions": ["p", "area:*"], "revenue": true}, "B": {"systems": ["s"]}},
            "rules": [
                {"match": {"paths": ["/s/*"]}, "require": {"roles": ["A", "B"], "permissions": ["p", "area:x"]}},
                {"match": {"paths": ["/t/**"]}, "require": {}},
            ],
        },
    })
}

#[test]
fn what_may_not_be_meant_is_said() {
    assert_eq!(said(&plain()), Vec::<String>::new());
    let with = |pointer: &str, value: Json| {
        let mut config = plain();
        match config.pointer_mut(pointer.trim_end_matches("/-")) {
            Some(Json::Array(list)) if pointer.ends_with("/-") => list.push(value),
            Some(place) => *place = value,
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                config.pointer_mut(parent).unwrap()[name] = value;
            }
        }
        config
    };
    let first = |rule: Json| {
        let mut config = plain();
        config["access"]["rules"].as_array_mut().unwrap().insert(0, rule);
        config
    };
    let cases = [
        (with("/access/rules/0/mode", json!("shadow")), "access.rules[0].mode: SHADOW: the rule only watches"),
        (with("/systems/u", json!({"paths": ["/u"]})), "systems.u: has no rule: everything in it is closed"),
        (
            with("/systems/t/roles", json!({"b": "B"})),
            "systems.t.roles.b: leads to B, which does not count in this system",
        ),
        (with("/systems/s/roles", json!({"a": "A"})), "access.roles.B: can never be held: no spelling of its systems"),
        (
            with("/access/roles/C", json!({"systems": ["t"], "permissions": ["*"]})),
            "access.roles.C.permissions: has a `*`, which includes lockgate.revenue",
        ),
        (
            with("/access/roles/B/permissions", json!(["lockgate.*"])),
            "access.roles.B.permissions: has a `*`, which includes lockgate.revenue",
        ),
        (
            first(json!({"match": {"paths": ["/s/*"], "methods": ["GET"]}, "public": true})),
            "access.rules[0].match.paths[0]: is open to everybody inside `/s/*`, which access.rules[1] protects",
        ),
        (
            first(json!({"match": {"paths": ["/t/x"]}, "public": true})),
            "access.rules[0].match.paths[0]: is open to everybody inside `/t/**`, which access.rules[2] protects",
        ),
        (
            with("/access/rules/-", json!({"match": {"paths": ["/t/x", "/s"]}, "require": {}})),
            "access.rules[2].match.paths[0]: can never match: access.rules[1] stands before it",
        ),
        (
            with("/access/rules/-", json!({"match": {"paths": ["/v"]}, "require": {"roles": ["A"]}})),
            "access.rules[2].require: can never be met: the paths belong to no system, and nobody has a right there",
        ),
        (
            with("/access/rules/1/require", json!({"roles": ["B"]})),
            "access.rules[1].require.roles[0]: `B` does not count in the systems of these paths; see access.roles.B",
        ),
        (
            with("/access/rules/1/require", json!({"permissions": ["q"]})),
            "access.rules[1].require.permissions[0]: `q` is granted by no role: only a token that says it itself passes",
        ),
        (
            first(json!({"match": {"paths": ["/t/*"], "methods": ["DELETE"]}, "require": {"roles": ["A"]}})),
            "access.rules[0].match.paths[0]: leaves all other methods to access.rules[2], which asks for less",
        ),
    ];
    for (config, want) in cases {
        let said = said(&config);
        assert!(said.iter().any(|said| said.starts_with(want)), "{want}\n{said:#?}");
        let others = said.iter().filter(|said| !said.starts_with(want) && !said.starts_with("note: ")).count();
        assert_eq!(others, 0, "{want}\n{said:#?}");
    }
    let mut config = plain();
    config["access"]["rules"] = json!([
        {"match": {"paths": ["/s/a"], "methods": ["GET"]}, "require": {}},
        {"match": {"paths": ["/s/a"], "methods": ["POST", "GET"]}, "require": {}},
        {"match": {"paths": ["/t/a"], "methods": ["GET", "POST"]}, "require": {}},
    ]);
    assert_eq!(
        said(&config),
        [
            "access.rules[1].match.paths[0]: does not get GET: access.rules[0] stands before it; take the methods out, or \
          this rule first"
        ]
    );
    // What is about a request but for what portals may overlook closes it for the rules after it.
    for (rules, want) in [
        (
            json!([
                {"match": {"paths": ["/s/a"]}, "require": {"roles": ["A"]}},
                {"match": {"paths": ["/s/a/", "/t/b"]}, "require": {}},
            ]),
            "access.rules[1].match.paths[0]: is closed: access.rules[0] stands before it and is about the same but for",
        ),
        (
            json!([
                {"match": {"paths": ["/s/a"], "methods": ["GET"]}, "require": {"roles": ["A"]}},
                {"match": {"paths": ["/s/A", "/t/b"], "methods": ["HEAD", "POST"]}, "require": {}},
            ]),
            "access.rules[1].match.paths[0]: is closed for HEAD: access.rules[0] stands before it",
        ),
        (
            json!([
                {"match": {"paths": ["/s/a"], "methods": ["GET"]}, "require": {"roles": ["A"]}},
                {"match": {"paths": ["/s/a", "/t/b"], "methods": ["HEAD", "GET"]}, "require": {}},
            ]),
            "access.rules[1].match.paths[0]: is closed for HEAD: access.rules[0] stands before it",
        ),
    ] {
        let mut config = plain();
        config["access"]["rules"] = rules;
        let said = said(&config);
        assert_eq!(said.iter().filter(|said| said.starts_with(want)).count(), 1, "{want}\n{said:#?}");
    }
    // Nobody is granted revenue.
    let mut config = plain();
    config["access"]["roles"]["A"]["revenue"] = json!(false);
    config["access"]["rules"][1]["require"] = json!({"permissions": ["lockgate.revenue"]});
    let want = "`lockgate.revenue` is granted by no role: nobody passes";
    assert!(said(&config).iter().any(|said| said.contains(want)), "{:#?}", said(&config));
}

#[test]
fn what_is_meant_is_not_said() {
    // Permissions come from tokens alone.
    let mut config = plain();
    config["access"]["roles"] = json!({"A": {"systems": ["*"]}, "B": {"systems": ["s"]}});
    assert_eq!(said(&config), Vec::<String>::new());
    // A public method of what is protected otherwise.
    let config = json!({"access": {"rules": [
        {"match": {"paths": ["/a"], "methods": ["OPTIONS"]}, "public": true},
        {"match": {"paths": ["/a"], "methods": ["GET"]}, "require": {}},
    ]}});
    assert_eq!(said(&config), Vec::<String>::new());
    // Other methods for others.
    let config = json!({"access": {"roles": {"A": {}}, "rules": [
        {"match": {"paths": ["/a"], "methods": ["DELETE"]}, "require": {"roles": ["A"]}},
        {"match": {"paths": ["/a"], "methods": ["GET"]}, "require": {}},
    ]}});
    assert_eq!(said(&config), Vec::<String>::new());
    // The first five of the paths, and the number of the others.
    let rules: Vec<Json> = (0..8)
        .map(|n| json!({"match": {"paths": [format!("/{n}")], "methods": ["GET"]}, "require": {}}))
        .chain([json!({"match": {"paths": ["/x"], "methods": ["GET", "PUT"]}, "require": {}})])
        .collect();
    let said = said(&json!({"access": {"rules": rules}}));
    let want =
        "elsewhere: PUT of /0; PUT of /1; PUT of /2; PUT of /3; PUT of /4, and of 3 paths more; `lockgate matrix`";
    assert!(said.len() == 1 && said[0].contains(want), "{said:?}");
}

#[test]
fn the_matrix_of_the_tables_is_known() {
    let said = said(&matrix());
    assert!(said.iter().all(|said| !said.contains("can never")), "{said:#?}");
}
