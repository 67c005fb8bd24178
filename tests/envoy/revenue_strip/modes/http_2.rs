//! The same formats with HTTP/2 on both sides.

use super::{Gate, SECRET, Setup, Upstream, all_modes, bodies, cases, h2};

const TRAILERS: [(&str, &str); 2] = [("x-kept", "yes"), ("x-unit-cost", SECRET)];

fn answer(media: &str, body: &str, size: usize) -> h2::Answer {
    let head = h2::Answer::head(200, &[("content-type", media)]);
    body.as_bytes().chunks(size).fold(head, |answer, piece| answer.data(piece.to_vec()))
}

fn ask(gate: &Gate, path: &str) -> h2::Response {
    super::h2_get(gate, path)
}

#[test]
fn every_format_comes_over_http_2_on_both_sides() {
    let portal = h2::Portal::start();
    let upstream = Upstream::start(); // another portal is not needed, only its type
    let setup = || Setup::new(&upstream).http_2_portal(&portal).workers(2);
    let gates = [
        setup().strip(&all_modes(false)).start(),
        setup().strip(&all_modes(true)).start(),
        setup().streaming_heads().strip(&all_modes(true)).start(),
    ];
    cases::each(bodies().into_iter().map(|(name, media, body, want)| (name, (media, body, want))), |_, case| {
        let (media, body, want) = case;
        // Not so many tiny frames that either side takes them for an attack.
        let least = (body.len() / 90).max(1);
        for size in [1, 7, 64, 1460, 16_384].map(|size: usize| size.max(least)) {
            let bare = answer(media, &body, size);
            portal.on("/api/modes", bare.clone());
            portal.on("/api/empty-last", bare.clone().data(""));
            portal.on("/api/trailers", bare.trailers(&TRAILERS));
            for gate in &gates {
                for path in ["/api/modes", "/api/empty-last", "/api/trailers"] {
                    let response = ask(gate, path);
                    assert!(!response.shows(SECRET), "{path}, by {size}: {response:?}");
                    let trailers = path == "/api/trailers";
                    // Envoy takes no bytes of a body when its trailers have come: what the end of a table completes is
                    // missing, and nobody may take it for complete.
                    if trailers && want.ends_with("\"\"") && response.reset.is_some() {
                        assert!(want.as_bytes().starts_with(&response.body), "{path}, by {size}");
                        continue;
                    }
                    assert_eq!((response.code(), response.reset.as_deref()), (200, None), "{path}, by {size}");
                    assert_eq!(String::from_utf8_lossy(&response.body), want, "{path}, by {size}");
                    let left = if trailers { h2::fields(&TRAILERS[..1]) } else { h2::fields(&[]) };
                    assert_eq!(response.trailers, left, "{path}, by {size}");
                }
                let response = gate.get("/api/modes");
                assert_eq!((response.status, response.text()), (200, want.clone()), "HTTP/1.1 client, by {size}");
            }
        }
    });
    for gate in &gates {
        assert_eq!(gate.count(|name| name.contains("guard")), 0);
        assert!(!gate.envoy.log().contains("[critical]"), "the VM lives");
    }
}
