//! Access matrices. The first line is a request (`GET /api/parts`), the second a token's payload, the rest a configuration of
//! jwt-auth, of which only the matrix counts.

use lockgate::claims::{Limits, Value};
use lockgate::head::Head;
use lockgate::identity::Identity;
use lockgate::jwt_auth::access::{Access, Asks, Entry, REVENUE};
use lockgate::path::check_normal;

use super::line;

pub(super) fn check(input: &[u8]) {
    let (request, rest) = line(input);
    let (token, config) = line(rest);
    let access = match Access::from_json(config) {
        Ok(access) => access,
        Err(error) => {
            assert!(!error.path().is_empty(), "no place: {error}");
            assert!(error.to_string().len() > error.path().len() + 2, "no reason: {error}");
            return;
        }
    };
    for finding in access.findings() {
        assert!(!finding.path.is_empty() && !finding.message.is_empty());
    }
    let end = request.iter().position(|&byte| byte == b' ').unwrap_or(request.len());
    let (method, path) = (&request[..end], request.get(end + 1..).unwrap_or_default());
    if check_normal(path).is_err() || path.contains(&b'?') {
        return;
    }
    let first = access.rules().iter().position(|rule| rule.matches().takes_away(method, path).is_some());
    let first = first.filter(|&first| access.rules()[first].matches().grants(method, path).is_some());
    let entry = access.entry(method, path);
    let at = match entry {
        Entry::Closed => None,
        Entry::Public(at) | Entry::Webhook(at, _) | Entry::Token(at) => Some(at),
    };
    assert_eq!(at.map(|at| at.rule()), first, "the simple matcher differs");
    let systems: Vec<&str> = access
        .systems()
        .filter(|(_, paths)| paths.iter().any(|its| its.matches(path, lockgate::path::Strictness::Exact)))
        .map(|(name, _)| name)
        .collect();
    assert!(systems.len() <= 1, "two systems");
    let system = access.system(path);
    assert_eq!(system.map(|system| access.system_name(system)), systems.first().copied(), "another system");

    let Ok(payload) = Value::read(token, Limits { max_depth: 32, max_members: 64 }) else { return };
    let identity = access.identity(path, &payload);
    assert!(identity == access.identity_in(system, &payload));
    assert!(Identity::from_record(&identity.to_record()) == identity || identity.to_record().len() > 16 * 1024);
    for role in &identity.roles {
        let holder = access.holder(role, system).expect("a role that is declared");
        assert!(holder.roles.contains(role), "a role that does not count here");
    }
    let granted = |permission: &String| {
        identity
            .roles
            .iter()
            .any(|role| access.holder(role, system).is_some_and(|holder| holder.permissions.contains(permission)))
    };
    for permission in identity.permissions.iter().filter(|it| it.contains('*') || **it == REVENUE) {
        assert!(granted(permission), "a wildcard that no role is granted");
    }
    let Some(at) = at else { return };
    let decided = access.decide(at, &identity, &payload, &Head::default(), path, 1_800_000_000);
    match access.rule(at).map(|rule| rule.asks()) {
        Some(Asks::Token(requirement)) if decided.is_ok() => {
            let roles = requirement.roles();
            assert!(roles.is_empty() || roles.iter().any(|role| identity.roles.contains(role)));
            assert!(requirement.permissions().iter().all(|permission| identity.may(permission)));
        }
        Some(Asks::Token(_)) => {}
        Some(Asks::Public | Asks::Webhook(_)) | None => assert!(decided.is_err(), "no token was asked for"),
    }
}
