//! Which callbacks the modules have: each costs every request.

use std::collections::BTreeSet;
use std::path::Path;

use lockgate_envoy_tests::{cases, gate};

/// What each filter needs: to begin, to work in the background, to see a request's head and to end.
const ALL: [&str; 10] = [
    "proxy_abi_version_0_2_1",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_http_call_response",
    "proxy_on_memory_allocate",
    "proxy_on_request_headers",
    "proxy_on_tick",
    "proxy_on_vm_start",
    // Never without these: where a head may wait for its body, Envoy would let it go on with the first byte.
    "proxy_on_request_body",
];

#[test]
fn a_module_exports_what_it_has_a_use_for() {
    let rows: [(&str, &Path, &[&str]); 3] = [
        ("jwt-auth", gate::jwt_auth(), &["proxy_on_request_trailers"]),
        (
            "revenue-strip",
            gate::revenue_strip(),
            &[
                "proxy_on_log",
                "proxy_on_request_trailers",
                "proxy_on_response_body",
                "proxy_on_response_headers",
                "proxy_on_response_trailers",
            ],
        ),
        ("webhook-verify", gate::webhook_verify(), &["proxy_on_request_trailers", "proxy_on_response_headers"]),
    ];
    cases::each(rows.map(|(name, module, more)| (name, (module, more))), |_, (module, more)| {
        let exported = exports(&std::fs::read(module).unwrap());
        let callbacks: BTreeSet<&str> =
            exported.iter().map(String::as_str).filter(|name| name.starts_with("proxy_")).collect();
        assert_eq!(callbacks, ALL.into_iter().chain(more.iter().copied()).collect());
    });
}

/// The names in the export section of a module (WebAssembly, section 5.5.10).
fn exports(module: &[u8]) -> Vec<String> {
    let mut rest = &module[8..];
    while let [kind, after @ ..] = rest {
        rest = after;
        let size = number(&mut rest);
        let (section, after) = rest.split_at(size);
        rest = after;
        if *kind != 7 {
            continue;
        }
        let mut section = section;
        return (0..number(&mut section))
            .map(|_| {
                let length = number(&mut section);
                let name = String::from_utf8(section[..length].to_vec()).unwrap();
                // Behind the name stands which kind of thing it is.
                section = &section[length + 1..];
                number(&mut section);
                name
            })
            .collect();
    }
    Vec::new()
}

/// An unsigned LEB128 number.
fn number(bytes: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
