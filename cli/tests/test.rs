//! `lockgate test`: the examples hold, mistakes are named, differences can be read.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

#[test]
fn the_policy_tests_of_the_repository_hold() {
    for (folder, least) in [("jwt_auth", 3), ("rate_limit", 3), ("revenue_strip", 5), ("webhook_verify", 1)] {
        let folder = repository().join("tests/cases").join(folder);
        let files: Vec<PathBuf> = fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        assert!(files.len() >= least, "{files:?}");
        let output = lockgate(&["test"]).args(&files).output().expect("it starts");
        let (code, out) = said(&output);
        assert!(code == 0 && out.ends_with(": all hold\n"), "{out}");
    }
}

#[test]
fn the_policy_tests_fail_when_the_matrix_is_another() {
    let folder = Folder::new("matrix");
    let matrix = include_str!("../../tests/cases/jwt_auth/reference.json");
    for (name, from, to, file) in [
        ("a spelling", "\"manager\": \"MANAGER\"", "\"manager\": \"SMS_ADMIN\"", "matrix.yaml"),
        (
            "a rule for all",
            "{\"roles\": [\"SMS_ADMIN\"], \"permissions\": [\"lockgate.revenue\"]}",
            "{}",
            "revenue.yaml",
        ),
        ("no detail", "Access denied to revenue data", "no", "revenue.yaml"),
        ("a right", "\"permissions\": [\"equipment.approve\"]", "\"permissions\": [\"read:x\"]", "matrix.yaml"),
        ("a system", "\"/api/maintenance/**\",", "", "matrix.yaml"),
        ("a tenant", "\"segment\": 4, \"type\": \"text\"", "\"segment\": 4, \"type\": \"integer\"", "conditions.yaml"),
        ("no step-up", "\"max_age_s\": 900", "\"max_age_s\": 3600", "conditions.yaml"),
        (
            "a method",
            "\"methods\": [\"PUT\", \"DELETE\"]",
            "\"methods\": [\"PUT\", \"DELETE\", \"PATCH\"]",
            "matrix.yaml",
        ),
    ] {
        let changed = matrix.replace(from, to);
        assert_ne!(changed, matrix, "{name}");
        folder.file("reference.json", &changed);
        let tests = fs::read_to_string(repository().join("tests/cases/jwt_auth").join(file)).expect("a file");
        let file = folder.file("x.yaml", &tests);
        let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
        assert!(code == 1 && out.contains("FAIL "), "{name}\n{out}");
    }
}

#[test]
fn the_policy_tests_fail_when_a_limit_is_another() {
    let folder = Folder::new("limits");
    let policy = include_str!("../../examples/single-filters/envoy.yaml");
    for (name, from, to, file) in [
        (
            "onboarding",
            "\"limit\": 100, \"window_s\": 60},\n",
            "\"limit\": 101, \"window_s\": 60},\n",
            "consumers.yaml",
        ),
        ("maintenance", "\"limit\": 200, \"window_s\": 60", "\"limit\": 199, \"window_s\": 60", "consumers.yaml"),
        (
            "a portal",
            "\"/api/parts/**\", \"/api/analytics/**\",\n                                    \"/api/invoices/**\", \"/api/payments/**\"\n                                  ]}, \"key\"",
            "\"/api/analytics/**\",\n                                    \"/api/invoices/**\", \"/api/payments/**\"\n                                  ]}, \"key\"",
            "consumers.yaml",
        ),
        ("reports", "\"limit\": 10, \"window_s\": 3600", "\"limit\": 10, \"window_s\": 360", "endpoints.yaml"),
        ("a burst", "\"burst\": 10", "\"burst\": 11", "endpoints.yaml"),
        ("a tier", "\"limit\": 1000, \"when\"", "\"limit\": 1001, \"when\"", "endpoints.yaml"),
        ("guesses", "\"statuses\": [401], \"limit\": 5", "\"statuses\": [401], \"limit\": 6", "addresses.yaml"),
        ("a flood", "\"per_second\": 100", "\"per_second\": 101", "addresses.yaml"),
        ("a block", "\"block_s\": 600", "\"block_s\": 60", "addresses.yaml"),
        ("an address", "\"limit\": 1000, \"window_s\": 60", "\"limit\": 999, \"window_s\": 60", "addresses.yaml"),
        (
            "what is told",
            "\"headers\": {\"rate_limit\": false}",
            "\"headers\": {\"rate_limit\": true}",
            "addresses.yaml",
        ),
    ] {
        let changed = policy.replacen(from, to, 1);
        assert_ne!(changed, policy, "{name}");
        folder.file("envoy.yaml", &changed);
        let tests = fs::read_to_string(repository().join("tests/cases/rate_limit").join(file)).expect("a file");
        let file =
            folder.file("x.yaml", &tests.replacen("../../../examples/single-filters/envoy.yaml", "envoy.yaml", 1));
        let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
        assert!(code == 1 && out.contains("FAIL "), "{name}\n{out}");
    }
}

#[test]
fn the_chain_has_the_rules_of_the_single_filters() {
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let chain = dense(include_str!("../../envoy.yaml"));
    let single = dense(include_str!("../../examples/single-filters/envoy.yaml"));
    let mut lists = 0;
    for part in single.split("\"policies\":[").skip(1) {
        let policies =
            part.split("],\"penalties\"").next().and_then(|part| part.split("],\"table\"").next()).expect("a list");
        assert!(chain.contains(policies), "{policies}");
        lists += 1;
    }
    let (_, penalties) = single.split_once("\"penalties\":[").expect("penalties");
    let penalties = penalties.split("],\"headers\"").next().expect("a list");
    assert!(penalties.len() > 100 && chain.contains(penalties), "{penalties}");
    assert_eq!(lists, 2);
    for (from, to) in [("\"endpoints\":[", "}]}"), ("\"access\":{", "},\"forward\":")] {
        let (_, part) = single.split_once(from).expect(from);
        let (part, _) = part.split_once(to).expect(to);
        assert!(part.len() > 500 && chain.contains(&format!("{from}{part}{to}")), "{part}");
    }
}

#[test]
fn the_policy_tests_fail_when_a_rule_is_taken_out() {
    let folder = Folder::new("without");
    let policy = include_str!("../../envoy.yaml");
    let protected = policy.find("\"protected\"").expect("it is there");
    let (before, after) = policy.split_at(protected);
    for (name, changed, file) in [
        ("revenue", policy.replace("\"/api/**\"", "\"/other/**\""), "roles.yaml"),
        ("personal", policy.replacen("\"ssn\"", "\"other\"", 1), "personal.yaml"),
        ("exemption", policy.replacen("[\"SMS_ADMIN\"]}\n", "[\"OTHER\"]}\n", 1), "roles.yaml"),
        ("requests", policy.replacen("\"direction\": \"request\"", "\"direction\": \"response\"", 1), "requests.yaml"),
        ("scores", policy.replacen("\"qualityScore\", ", "", 1), "requests.yaml"),
        ("endpoints", before.to_owned() + &after.replacen("/api/reports/revenue/**", "/other", 1), "protected.yaml"),
        (
            "shadow",
            before.to_owned() + &after.replacen("\"unless\"", "\"mode\": \"shadow\", \"unless\"", 1),
            "protected.yaml",
        ),
    ] {
        assert_ne!(changed, policy, "{name}");
        folder.file("envoy.yaml", &changed);
        let tests = fs::read_to_string(repository().join("tests/cases/revenue_strip").join(file)).expect("a file");
        let file = folder.file("x.yaml", &tests.replacen("../../../envoy.yaml", "envoy.yaml", 1));
        let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
        assert!(code == 1 && out.contains("FAIL "), "{name}\n{out}");
    }
}

const GOOD: &str = r#"# A file of policy tests.
filter: revenue-strip
config:
  rules:
    - name: revenue
      match: {paths: ["/api/**"]}
      action: remove
      unless: {roles: [SMS_ADMIN]}
cases:
  - name: a manager
    identity: {roles: [MANAGER]}
    request:
      path: /api/parts
    response:
      status: 200
      json: {id: 1, unit_cost: 5}
    expect:
      status: 200
      json: {id: 1}
      absent: [unit_cost]
  - name: somebody else
    request:
      path: /api/parts
    expect: {status: 200}
"#;

#[test]
fn a_good_file_is_a_line_a_case() {
    let folder = Folder::new("good");
    let file = folder.file("good.yaml", GOOD);
    let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
    let want = format!("ok    {file}: a manager\nok    {file}: somebody else\n2 cases in 1 file: all hold\n");
    assert_eq!((code, out), (0, want));
}

#[test]
fn mistakes_in_a_file_are_named() {
    let folder = Folder::new("mistakes");
    for (name, from, to, line, wanted) in [
        (
            "no such filter",
            "filter: revenue-strip",
            "filter: revenue_strip",
            2,
            "filter: unknown variant `revenue_strip`, expected one of `jwt-auth`, `rate-limit`, `revenue-strip`, `webhook-verify`",
        ),
        (
            "an unknown field",
            "expect:\n      status",
            "expect:\n      statsu",
            18,
            "cases[0].expect.statsu: unknown field `statsu`, expected one of",
        ),
        ("an unknown field above", "cases:", "case:", 9, "case: unknown field `case`, expected one of"),
        (
            "a missing field",
            "      path: /api/parts\n    response",
            "      method: GET\n    response",
            12,
            "cases[0].request: missing field `path`; add it here",
        ),
        (
            "a wrong type",
            "status: 200\n      json: {id: 1, ",
            "status: good\n      json: {id: 1, ",
            15,
            "cases[0].response.status: invalid type: string \"good\", expected u16",
        ),
        (
            "a status that cannot be",
            "status: 200\n      json: {id: 1, ",
            "status: 100\n      json: {id: 1, ",
            15,
            "cases[0].response.status: is 100 and must be 200..=599",
        ),
        (
            "an outcome that is none",
            "status: 200\n      json: {id: 1}\n",
            "outcome: passed\n",
            18,
            "cases[0].expect.outcome: unknown variant `passed`, expected one of `pass`, `reply`, `abort`",
        ),
        (
            "a rule that the filter refuses",
            "action: remove",
            "action: mask",
            7,
            "config.rules[0].action: unknown variant `mask`, expected `remove` or `redact`",
        ),
        ("a rule without a name", "name: revenue", "nam: revenue", 5, "config.rules[0].nam: unknown field `nam`"),
        (
            "two bodies",
            "json: {id: 1, unit_cost: 5}",
            "json: {id: 1}\n      body: x",
            14,
            "cases[0].response: has several of body, json, body_b64 and body_file; keep one",
        ),
        ("no Base64", "json: {id: 1, unit_cost: 5}", "body_b64: '*'", 16, "cases[0].response.body_b64: is no Base64"),
        ("no such file", "json: {id: 1, unit_cost: 5}", "body_file: none.json", 16, "cases[0].response.body_file: "),
        (
            "an expectation of nothing",
            "expect: {status: 200}",
            "expect: {}",
            24,
            "cases[1].expect: expects nothing, so the case could not fail; add what must come out",
        ),
        (
            "a name twice",
            "name: somebody else",
            "name: a manager",
            21,
            "cases[1].name: `a manager` is already the name of the case in line 10; choose another",
        ),
        (
            "another answer",
            "response:\n      status: 200\n      json: {id: 1, unit_cost: 5}",
            "response: later",
            14,
            "cases[0].response: invalid value: string \"later\", expected an answer, \"reset\" or \"timeout\"",
        ),
        (
            "a header that is none",
            "status: 200\n      json: {id: 1, ",
            "headers: {a: [{}]}\n      json: {id: 1, ",
            15,
            "cases[0].response.headers.a[0]: invalid type: map, expected a header's value",
        ),
        (
            "a header beyond a byte",
            "status: 200\n      json: {id: 1, ",
            "headers: {a: €}\n      json: {id: 1, ",
            15,
            "cases[0].response.headers.a: has a character beyond U+00FF",
        ),
        (
            "a key twice",
            "      status: 200\n      json: {id: 1}",
            "      status: 200\n      status: 201\n      json: {id: 1}",
            19,
            "is no YAML here: `status` stands twice in one map, first in line 18",
        ),
        ("an unknown field of the configuration", "  rules:", "  rulez:", 4, "config.rulez: unknown field `rulez`"),
        (
            "no configuration",
            "config:\n  rules:\n    - name: revenue\n      match: {paths: [\"/api/**\"]}\n      action: remove\n      unless: {roles: [SMS_ADMIN]}\n",
            "",
            2,
            "the configuration must stand in exactly one of",
        ),
        (
            "two configurations",
            "filter: revenue-strip\n",
            "filter: revenue-strip\nconfig_file: x.json\n",
            2,
            "the configuration must stand in exactly one of config, config_file and envoy",
        ),
    ] {
        assert!(GOOD.contains(from), "{name}");
        let file = folder.file("x.yaml", &GOOD.replacen(from, to, 1));
        let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
        assert!(
            code == 2 && out.starts_with(&format!("FAULT {file}:{line}: {wanted}")),
            "{name}: {line}: {wanted}\n{out}"
        );
    }
    let (code, out) = said(&lockgate(&["test", "/no/such/file"]).output().expect("it starts"));
    assert!(code == 2 && out.contains("cannot read /no/such/file"), "{out}");
}

#[test]
fn faults_of_other_files_name_those() {
    let folder = Folder::new("others");
    folder.file("bad.json", "{\n\"rules\": [\n{\"nam\": 1}]}");
    let two = include_str!("../../examples/single-filters/envoy.yaml");
    folder.file("bad.yaml", &two.replacen("\"action\"", "\"acton\"", 1));
    folder.file("two.yaml", &format!("{two}---\n{}", two.replace("lockgate-revenue-strip", "second-revenue-strip")));
    let cases = GOOD.split_once("cases:").expect("cases").1;
    let line = two[..two.find("\"action\"").expect("a rule")].matches('\n').count() + 1;
    for (source, wanted) in [
        ("config_file: bad.json", "bad.json:3: rules[0].nam: unknown field `nam`".to_owned()),
        ("config_file: none.json", "x.yaml:2: config_file: cannot read ".to_owned()),
        ("envoy: bad.yaml", format!("bad.yaml:{line}: rules[0].acton: unknown field `acton`")),
        ("envoy: none.yaml", "x.yaml:2: envoy: cannot read ".to_owned()),
        (
            "envoy: two.yaml",
            "choose one with `plugin: <name>`, of lockgate-revenue-strip, second-revenue-strip".to_owned(),
        ),
        ("envoy: two.yaml\nplugin: third", "x.yaml:3: plugin: ".to_owned()),
        (
            "config: {}\nplugin: third",
            "x.yaml:3: plugin: chooses a plugin of the file in `envoy`, which is absent".to_owned(),
        ),
        ("plugin: third", "x.yaml:2: plugin: chooses".to_owned()),
    ] {
        let file = folder.file("x.yaml", &format!("filter: revenue-strip\n{source}\ncases:{cases}"));
        let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
        assert!(code == 2 && out.contains(&wanted), "{source}: {wanted}\n{out}");
    }
    let file = folder.file(
        "x.yaml",
        &format!("filter: revenue-strip\nenvoy: two.yaml\nplugin: second-revenue-strip\ncases:{cases}"),
    );
    let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_difference_can_be_read() {
    let folder = Folder::new("difference");
    for (name, from, to, wanted) in [
        ("a status", "status: 200\n      json: {id: 1}\n", "status: 201\n", &["status: is 200, must be 201"][..]),
        (
            "a value",
            "json: {id: 1}\n",
            "json: {id: 2, x: [1]}\n",
            &["json: differs", "/id: is 1, must be 2", "/x: is absent, must be [1]", "-  \"id\": 2,"],
        ),
        ("a name that stays", "absent: [unit_cost]", "absent: [id]", &["absent: `id` is in the body and must not be"]),
        (
            "a name that never was",
            "absent: [unit_cost]",
            "absent: [unitCost]",
            &["absent: `unitCost` was not in the body before the gate either"],
        ),
        (
            "a header",
            "json: {id: 1}\n",
            "headers: {x: a, cache-control: null}\n",
            &["headers.x: is absent, must be a", "headers.cache-control: is private, must not be there"],
        ),
        ("text", "json: {id: 1}\n", "body: '{\"id\": 1}'\n", &["body: differs", "-{\"id\": 1}", "+{\"id\":1}"]),
        ("an outcome", "status: 200\n      json: {id: 1}\n", "outcome: reply\n", &["outcome: is pass, must be reply"]),
        (
            "a reason",
            "status: 200\n      json: {id: 1}\n",
            "reason: protected\n",
            &["reason: is absent, must be protected"],
        ),
        (
            "what is forwarded",
            "json: {id: 1}\n",
            "forwarded: {path: /other, method: PUT, body: x, headers: {a: b}}\n",
            &[
                "forwarded.method: is GET, must be PUT",
                "forwarded.path: is /api/parts, must be /other",
                "forwarded.body: differs",
                "forwarded.headers.a: is absent, must be b",
            ],
        ),
        (
            "that nothing is forwarded",
            "json: {id: 1}\n",
            "forwarded: null\n",
            &["forwarded: GET /api/parts reached the portal, nothing must"],
        ),
        (
            "a refusal that only hides",
            "json: {id: 1, unit_cost: 5}\n    expect:\n      status: 200\n      json: {id: 1}\n",
            "headers: {content-type: application/pdf}\n      body: unit_cost\n    expect:\n",
            &["outcome: is reply (content_type), must be pass"],
        ),
    ] {
        assert!(GOOD.contains(from), "{name}");
        let file = folder.file("x.yaml", &GOOD.replacen(from, to, 1));
        let (code, out) = said(&lockgate(&["test", &file]).output().expect("it starts"));
        assert!(code == 1 && out.starts_with(&format!("FAIL  {file}:10: a manager\n")), "{name}\n{out}");
        for part in wanted {
            assert!(out.contains(part), "{name} lacks {part:?}\n{out}");
        }
        assert!(out.ends_with("2 cases in 1 file: 1 hold, 1 fail\n"), "{name}\n{out}");
    }
}

#[test]
fn machines_get_json_and_may_write_it() {
    let folder = Folder::new("json");
    let cases = json!({
        "filter": "revenue-strip",
        "config": {"rules": [{"name": "r", "match": {"paths": ["/**"]}, "action": "remove"}]},
        "cases": [
            {"name": "good", "request": {"path": "/"}, "response": {"json": {"unit_cost": 1}}, "expect": {"json": {}}},
            {"name": "bad", "request": {"path": "/"}, "expect": {"status": 500}}
        ]
    });
    let file = folder.file("x.json", &cases.to_string());
    let (code, out) = said(&lockgate(&["test", "--format", "json", &file, "/none"]).output().expect("it starts"));
    let out: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(code, 2);
    assert_eq!(out["cases"][0], json!({"file": file, "line": 1, "name": "good", "holds": true, "unmet": []}));
    assert_eq!(out["cases"][1]["unmet"], json!([{"field": "status", "message": "is 200, must be 500"}]));
    assert_eq!(out["faults"][0]["file"], "/none");
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("test-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository")
}

fn lockgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(args);
    command
}

/// The exit code, and what was printed.
fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout) + &text(&output.stderr))
}
