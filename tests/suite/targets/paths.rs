//! Normal paths and patterns. The first line is a pattern, the rest a request's target.

use lockgate::path::{PathPattern, Strictness, check_normal, normalize, of_target};

use super::line;

pub(super) fn check(input: &[u8]) {
    let (pattern, target) = line(input);
    let normal = check_normal(target).is_ok();
    match normalize(target) {
        Ok(form) => {
            assert_eq!(check_normal(&form), Ok(()), "the normal form is not normal");
            assert_eq!(normalize(&form).as_ref(), Ok(&form), "the normal form has another");
            if normal {
                assert!(form.eq_ignore_ascii_case(target), "a normal target changes by more than its hex digits");
            }
        }
        Err(_) => assert!(!normal, "a normal target has no normal form"),
    }
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    let Ok(parsed) = PathPattern::parse(pattern) else { return };
    assert_eq!(check_normal(pattern.as_bytes()), Ok(()));
    let path = of_target(target);
    let exact = parsed.matches(path, Strictness::Exact);
    let lenient = parsed.matches(path, Strictness::Lenient);
    assert!(lenient || !exact, "exact, and not lenient");
    if !normal {
        return;
    }
    assert_eq!(exact, fits(pattern, path), "the simple matcher differs");
    let (lower, without) = (pattern.to_ascii_lowercase(), |path: &[u8]| path.strip_suffix(b"/").map(<[u8]>::to_vec));
    let path = path.to_ascii_lowercase();
    let slash = [&path[..], b"/"].concat();
    let any = fits(&lower, &path)
        || without(&path).is_some_and(|path| fits(&lower, &path))
        || !path.ends_with(b"/") && fits(&lower, &slash);
    assert_eq!(lenient, any, "the simple matcher differs about letters and slashes");
    if let Ok(form) = normalize(target) {
        let form = of_target(&form);
        assert_eq!(parsed.matches(form, Strictness::Exact), exact, "another verdict about the normal form");
        assert_eq!(parsed.matches(form, Strictness::Lenient), lenient, "another verdict about the normal form");
    }
}

/// Every way to lay the pattern's segments over the path's, by a table.
fn fits(pattern: &str, path: &[u8]) -> bool {
    let Some(path) = path.strip_prefix(b"/") else { return false };
    let segments: Vec<Vec<u8>> = path.split(|&byte| byte == b'/').map(undone).collect();
    // Which numbers of the path's segments the pattern's first ones can cover.
    let mut covered = vec![false; segments.len() + 1];
    covered[0] = true;
    for part in pattern.split('/').skip(1) {
        let mut next = vec![false; covered.len()];
        for n in 0..covered.len() {
            next[n] = match part {
                "**" => covered[n] || n > 0 && next[n - 1],
                "*" => n > 0 && covered[n - 1] && !segments[n - 1].is_empty(),
                _ => n > 0 && covered[n - 1] && segments[n - 1] == undone(part.as_bytes()),
            };
        }
        covered = next;
    }
    covered[segments.len()]
}

fn undone(segment: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        let code = segment.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let code = code.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (segment[at], code.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
