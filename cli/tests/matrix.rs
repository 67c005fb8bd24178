//! `lockgate matrix`: who may do what, why, and what changes between two configurations.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What stands in one cell, by the table, for every mark that there is.
fn matrix() -> Value {
    json!({
        "systems": {
            "onboarding": {"paths": ["/api/onboarding/**"]},
            "maintenance": {"paths": ["/api/maintenance/**"], "roles": {"manager": "MANAGER", "technician": "TECHNICIAN"}}
        },
        "access": {
            "roles": {
                "SMS_ADMIN": {"systems": ["onboarding"], "permissions": ["*"], "revenue": true},
                "MANAGER": {"systems": ["*"], "permissions": ["read:*"]},
                "TECHNICIAN": {"systems": ["maintenance"]}
            },
            "rules": [
                {"match": {"paths": ["/api/*/health"], "methods": ["GET"]}, "public": true},
                {"match": {"paths": ["/api/maintenance/webhooks/*"], "methods": ["POST"]}, "webhook": "partner"},
                {"name": "approve", "match": {"paths": ["/api/*/items/*"], "methods": ["PUT"]},
                 "require": {"roles": ["MANAGER", "SMS_ADMIN"], "permissions": ["approve"]}},
                {"match": {"paths": ["/api/onboarding/companies/*"]},
                 "require": {"tenant": {"segment": 4, "type": "text", "unless": {"roles": ["SMS_ADMIN"]}}}},
                {"match": {"paths": ["/api/maintenance/**"], "methods": ["DELETE"]},
                 "require": {"permissions": ["read:x"], "step_up": {"amr": ["mfa"]}}},
                {"match": {"paths": ["/api/maintenance/new"], "methods": ["GET"]}, "require": {"roles": ["MANAGER"]}, "mode": "shadow"},
                {"match": {"paths": ["/api/onboarding/**"], "methods": ["GET"]}, "require": {}}
            ]
        }
    })
}

#[test]
fn the_table_shows_every_mark() {
    let dir = Dir::new("marks");
    let file = dir.write("matrix.json", &matrix().to_string());
    let (code, out, err) = lockgate(&["matrix", &file]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "system onboarding",
        "method  path                         MANAGER  SMS_ADMIN  TECHNICIAN  revenue    closed       rule",
        "GET     /api/*/health                public   public     public      -          POST PUT DELETE  [0] rule-0",
        "PUT     /api/*/items/*               perm     yes        -           SMS_ADMIN  POST DELETE  [2] approve",
        "*       /api/onboarding/companies/*  yes T    yes        yes T       SMS_ADMIN  -            [3] rule-3",
        "GET     /api/onboarding/**           yes      yes        yes         SMS_ADMIN  POST PUT DELETE  [6] rule-6",
        "system maintenance",
        "POST    /api/maintenance/webhooks/*  webhook  webhook    webhook     -        GET PUT   [1] rule-1",
        "PUT     /api/*/items/*               perm     -          -           -        GET POST  [2] approve",
        "DELETE  /api/maintenance/**          yes S    perm S     perm S      -        GET POST PUT  [4] rule-4",
        "GET     /api/maintenance/new         SHADOW   SHADOW     SHADOW      -        POST PUT  [5] rule-5",
        "no system",
        "  perm: only where the token itself carries a permission that the role does not grant (--why says which)",
    ] {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(out.lines().any(|shown| words(shown) == words(line)), "{line}\n{out}");
    }
    let aligned: Vec<usize> = out.lines().filter_map(|line| line.find("[")).collect();
    assert!(aligned.iter().filter(|at| **at == aligned[0]).count() > 2, "columns stand under each other\n{out}");

    let (code, out, _) = lockgate(&["matrix", &file, "--format", "markdown"]);
    assert_eq!(code, 0);
    assert!(
        out.starts_with("### system maintenance\n\n| method | path | MANAGER | SMS_ADMIN | TECHNICIAN | revenue |"),
        "{out}"
    );
    assert!(
        out.contains("\n| \\* | `/api/onboarding/companies/*` | yes T | yes | yes T | SMS_ADMIN | - | [3] rule-3 |\n"),
        "{out}"
    );

    let (code, out, _) = lockgate(&["matrix", &file, "--format", "json"]);
    assert_eq!(code, 0);
    let value: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["roles"], json!(["MANAGER", "SMS_ADMIN", "TECHNICIAN"]));
    let rows = value["endpoints"].as_array().expect("a list");
    let approve = rows.iter().find(|row| row["name"] == "approve" && row["system"] == "onboarding").expect("a row");
    assert_eq!(
        *approve,
        json!({
            "system": "onboarding", "path": "/api/*/items/*", "methods": ["PUT"], "rule": 2, "name": "approve",
            "revenue": ["SMS_ADMIN"], "closed": ["POST", "DELETE"],
            "cells": {
                "MANAGER": {"verdict": "yes", "permissions": ["approve"], "tenant": false, "step_up": false},
                "SMS_ADMIN": {"verdict": "yes", "tenant": false, "step_up": false},
                "TECHNICIAN": {"verdict": "no", "reason": "missing_role"}
            }
        })
    );
}

#[test]
fn one_cell_says_why() {
    let dir = Dir::new("why");
    let file = dir.write("matrix.json", &matrix().to_string());
    let put = "/api/onboarding/items/7";
    for (role, method, path, code, want) in [
        (
            "SMS_ADMIN",
            "PUT",
            put,
            0,
            &[
                "SMS_ADMIN PUT /api/onboarding/items/7: yes\n",
                "access.rules[2] `approve`, as /api/*/items/*",
                "asks    one of the roles MANAGER, SMS_ADMIN; the permission approve",
                "system  onboarding",
                "grants  *, lockgate.revenue",
            ][..],
        ),
        ("MANAGER", "PUT", put, 1, &["no, unless the token itself carries what is missing", "missing approve"]),
        (
            "TECHNICIAN",
            "PUT",
            put,
            1,
            &[": no\n", "TECHNICIAN does not count in onboarding", "missing approve", "roles   none"],
        ),
        ("TECHNICIAN", "PUT", "/api/maintenance/items/7", 1, &["TECHNICIAN is none of the roles that the rule names"]),
        ("MANAGER", "PUT", "/api/x/items/7", 1, &["system  none", "MANAGER does not count on paths of no system"]),
        ("MANAGER", "PATCH", put, 1, &["no: it is closed", "rule    none: what no rule names is closed"]),
        ("MANAGER", "GET", "/api/x/health", 0, &["yes, as everybody", "asks    nothing: it is public"]),
        (
            "MANAGER",
            "POST",
            "/api/maintenance/webhooks/x",
            1,
            &["no: only a good webhook comes in", "a good webhook of `partner`"],
        ),
        (
            "MANAGER",
            "POST",
            "/api/onboarding/companies/x",
            0,
            &["yes, on a condition", "segment 4 of the path must be the tenant of the token"],
        ),
        ("SMS_ADMIN", "POST", "/api/onboarding/companies/x", 0, &[": yes\n", "SMS_ADMIN may ask about every tenant"]),
        (
            "MANAGER",
            "DELETE",
            "/api/maintenance/x",
            0,
            &["yes, on a condition", "a step-up is needed: amr with one of mfa"],
        ),
        (
            "TECHNICIAN",
            "GET",
            "/api/maintenance/new",
            0,
            &["the rule only watches", "but it only watches, and everybody comes in"],
        ),
    ] {
        let (got, out, err) = lockgate(&["matrix", &file, "--why", role, method, path]);
        assert_eq!((got, err.as_str()), (code, ""), "{role} {method} {path}\n{out}");
        for want in want {
            assert!(out.contains(want), "{role} {method} {path}: {want}\n{out}");
        }
    }
    let (code, out, _) = lockgate(&["matrix", &file, "--why", "MANAGER", "PUT", put, "--format", "json"]);
    let value: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["comes_in"], &value["rule"]["name"]), (1, &json!(false), &json!("approve")));
    for (role, path, want) in [
        ("manager", put, "there is no role `manager`; there is MANAGER, SMS_ADMIN, TECHNICIAN"),
        ("MANAGER", "/api/../x", "never comes to the matrix: dot segment in the path"),
        ("MANAGER", "/api/x?y=1", "leave out the query"),
    ] {
        let (code, out, err) = lockgate(&["matrix", &file, "--why", role, "GET", path]);
        assert!(code == 2 && out.is_empty() && err.contains(want), "{err}");
    }
}

#[test]
fn a_difference_says_who_gains_and_who_loses() {
    let dir = Dir::new("diff");
    let before = dir.write("before.json", &matrix().to_string());
    let changed = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut matrix = matrix();
        change(&mut matrix);
        dir.write(name, &matrix.to_string())
    };
    let cases: [(&str, &dyn Fn(&mut Value), &[&str]); 9] = [
        (
            "a role that grants more",
            &|matrix| matrix["access"]["roles"]["MANAGER"]["permissions"] = json!(["read:*", "approve"]),
            &["+ PUT /api/*/items/*: MANAGER: perm -> yes"],
        ),
        (
            "a rule for fewer",
            &|matrix| matrix["access"]["rules"][6]["require"] = json!({"roles": ["MANAGER"]}),
            &["- GET /api/onboarding/**: any token, SMS_ADMIN, TECHNICIAN: yes -> -", "asks for:  the role MANAGER"],
        ),
        (
            "a method less",
            &|matrix| matrix["access"]["rules"][2]["match"]["methods"] = json!(["POST"]),
            &["+ POST /api/*/items/*: MANAGER: closed -> perm", "- PUT /api/*/items/*: MANAGER: perm -> closed"],
        ),
        (
            "what was closed is public",
            &|matrix| {
                matrix["access"]["rules"][6] = json!({"match": {"paths": ["/api/onboarding/**"]}, "public": true})
            },
            &["+ GET /api/onboarding/**: no token: - -> public", "+ * /api/onboarding/**: no token, any token"],
        ),
        (
            "narrower by a segment",
            &|matrix| matrix["access"]["rules"][6]["match"]["paths"] = json!(["/api/onboarding/*"]),
            &["- GET /api/onboarding/**: any token, MANAGER, SMS_ADMIN, TECHNICIAN: yes -> closed"],
        ),
        (
            "a step-up taken out",
            &|matrix| matrix["access"]["rules"][4]["require"] = json!({"permissions": ["read:x"]}),
            &["+ DELETE /api/maintenance/**: MANAGER: yes S -> yes"],
        ),
        (
            "revenue",
            &|matrix| matrix["access"]["roles"]["MANAGER"]["revenue"] = json!(true),
            &["+ revenue: MANAGER in onboarding may see it now", "+ revenue: MANAGER in maintenance may see it now"],
        ),
        (
            "another spelling",
            &|matrix| matrix["systems"]["maintenance"]["roles"]["technician"] = json!("MANAGER"),
            &["~ systems.maintenance.roles: differs, and with it who holds a role"],
        ),
        ("other claims", &|matrix| matrix["claims"] = json!({"roles": "groups"}), &["~ claims: differs"]),
    ];
    for (n, (name, change, want)) in cases.into_iter().enumerate() {
        let after = changed(&format!("after-{n}.json"), change);
        let (code, out, err) = lockgate(&["matrix", &before, "--diff", &after]);
        assert_eq!((code, err.as_str()), (1, ""), "{name}");
        for want in want {
            assert!(out.contains(want), "{name}: {want}\n{out}");
        }
    }
    assert_eq!(lockgate(&["matrix", &before, "--diff", &before]), (0, "no difference\n".to_owned(), String::new()));
    let after = changed("json.json", &|matrix| matrix["access"]["rules"][4]["require"] = json!({}));
    let (code, out, _) = lockgate(&["matrix", &before, "--diff", &after, "--format", "json"]);
    let value: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["endpoints"][0]["direction"]), (1, &json!("more")), "{out}");
    let (code, out, _) = lockgate(&["matrix", &before, "--diff", &after, "--format", "markdown"]);
    assert!(code == 1 && out.contains("| + | DELETE | `/api/maintenance/**` | MANAGER | yes S | yes |"), "{out}");
}

#[test]
fn a_configuration_is_found_where_it_stands() {
    let dir = Dir::new("files");
    let json = matrix().to_string();
    let plugin = |name: &str| {
        format!(
            "- name: envoy.filters.http.wasm\n  typed_config:\n    \"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    config:\n      name: {name}\n      \
             vm_config:\n        code: {{local: {{filename: jwt_auth.wasm}}}}\n      configuration:\n        \"@type\": \
             type.googleapis.com/google.protobuf.StringValue\n        value: |\n          {json}\n"
        )
    };
    let one = dir.write("one.yaml", &plugin("edge"));
    let (code, out, err) = lockgate(&["matrix", &one]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, lockgate(&["matrix", &dir.write("bare.json", &json)]).1);

    let two = dir.write("two.yaml", &format!("{}{}", plugin("edge"), plugin("inner")));
    let (code, _, err) = lockgate(&["matrix", &two]);
    assert!(
        code == 2 && err.contains("has 2 configurations of jwt-auth; choose one with --plugin: edge, inner"),
        "{err}"
    );
    assert_eq!(lockgate(&["matrix", &two, "--plugin", "inner"]).0, 0);
    let (code, _, err) = lockgate(&["matrix", &two, "--plugin", "x"]);
    assert!(code == 2 && err.contains("has no plugin `x` of jwt-auth; there is edge, inner"), "{err}");

    let istio = format!(
        "kind: WasmPlugin\napiVersion: extensions.istio.io/v1alpha1\nspec:\n  url: oci://x.example/jwt-auth:1\n  \
         pluginConfig: {json}\n"
    );
    assert_eq!(lockgate(&["matrix", &dir.write("istio.yaml", &istio)]).0, 0);
}

#[test]
fn faults_are_named_with_file_and_line() {
    let dir = Dir::new("faults");
    let text = "{\n \"access\": {\n  \"roles\": {},\n  \"rules\": [\n   {\"match\": {\"paths\": [\"/a\"]},\n    \
                \"require\": {\"roles\": [\"A\"]}}\n  ]\n }\n}";
    let role = dir.write("role.json", text);
    let (code, out, err) = lockgate(&["matrix", &role]);
    assert!(code == 2 && out.is_empty(), "{err}");
    let want = format!("lockgate: {role}:6: access.rules[0].require.roles[0]: `A` must be a role of access.roles");
    assert!(err.starts_with(&want), "{err}");
    let mut whole = matrix();
    whole["providers"] = json!([]);
    for (name, text, want) in [
        ("empty.yaml", String::new(), "no configuration of jwt-auth is in it"),
        ("other.json", "{\"rules\": []}".to_owned(), "no configuration of jwt-auth is in it"),
        ("broken.yaml", "a: [".to_owned(), "is no YAML here"),
        ("whole.json", whole.to_string(), "providers: is empty"),
    ] {
        let file = dir.write(name, &text);
        let (code, _, err) = lockgate(&["matrix", &file]);
        assert!(code == 2 && err.contains(want) && err.contains(name), "{err}");
    }
    for args in [&["matrix"][..], &["matrix", &role, "--why", "A", "GET"], &["matrix", &role, "--format", "csv"]] {
        assert_eq!(lockgate(args).0, 2, "{args:?}");
    }
    let (code, _, err) = lockgate(&["matrix", "/nowhere.json"]);
    assert!(code == 2 && err.contains("cannot read /nowhere.json"), "{err}");
}

#[test]
fn the_reference_matrix_says_what_the_portals_need() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/jwt_auth/reference.json");
    let file = file.display().to_string();
    let comes_in =
        |role: &str, method: &str, path: &str| lockgate(&["matrix", &file, "--why", role, method, path]).0 == 0;
    for (role, method, path, want) in [
        ("SMS_ADMIN", "GET", "/api/reports/revenue", true),
        ("COMPANY_ADMIN", "GET", "/api/reports/revenue", false),
        ("MANAGER", "GET", "/api/onboarding/vessels/1", true),
        ("MANAGER", "DELETE", "/api/onboarding/vessels/1", false),
        ("TECHNICIAN", "PUT", "/api/maintenance/jobs/1", true),
        ("TECHNICIAN", "DELETE", "/api/maintenance/jobs/1", false),
        ("TECHNICIAN", "GET", "/api/onboarding/staff", false),
        ("INTEGRATION_SERVICE", "POST", "/api/maintenance/sync/equipment", true),
        ("INTEGRATION_SERVICE", "GET", "/api/maintenance/parts", false),
        ("SMS_ADMIN", "PATCH", "/api/maintenance/parts", false),
    ] {
        assert_eq!(comes_in(role, method, path), want, "{role} {method} {path}");
    }
}

/// The tables of tests ask `reference.json`, with keys of their own: its systems, its roles and rules, and what it asks of a token are
/// those of `envoy.yaml`.
#[test]
fn the_matrix_that_tests_ask_is_that_of_envoy_yaml() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("envoy.yaml")).unwrap();
    let configuration = |text: &str| -> Option<serde_json::Value> {
        let indent = text.len() - text.trim_start().len();
        let block = text
            .split_inclusive('\n')
            .take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() >= indent);
        serde_json::from_str(&block.collect::<String>()).ok()
    };
    // Alone, or a block of a chain.
    let blocks = |json: serde_json::Value| match json["chain"].as_array() {
        Some(blocks) => blocks.iter().map(|block| block["jwt-auth"].clone()).collect(),
        None => vec![json],
    };
    let found = text.split("value: |\n").filter_map(configuration).flat_map(blocks);
    let found: Vec<serde_json::Value> = found.filter(|json| !json["access"].is_null()).collect();
    let [here] = found.try_into().expect("one configuration of jwt-auth");
    let tests = fs::read(root.join("tests/cases/jwt_auth/reference.json")).unwrap();
    let tests: serde_json::Value = serde_json::from_slice(&tests).unwrap();
    for part in ["/systems", "/claims", "/access", "/sources", "/fingerprint"] {
        assert_eq!(here.pointer(part), tests.pointer(part), "{part}");
    }
    for member in ["issuer", "audiences", "leeway_s", "max_lifetime_s", "typ", "required", "require"] {
        assert_eq!(here["providers"][0].get(member), tests["providers"][0].get(member), "{member}");
    }
    assert_eq!(here["providers"].as_array().map(Vec::len), Some(1));
}

fn lockgate(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(args).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
}

/// A folder of one test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("matrix-{name}"));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}
