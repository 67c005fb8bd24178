//! What Envoy and the filter say about a configuration that they refuse, without what only Envoy's authors need.

/// The sentence for the user, from the lines of Envoy's log that say why it ended.
pub(crate) fn explain(config: &str, log: &str) -> String {
    let of_filter: Vec<&str> = log.lines().filter_map(said_by_filter).collect();
    let who = if of_filter.is_empty() { format!("Envoy refuses {config}") } else { format!("{config} is refused") };
    format!("{who}, correct it and start again:\n  {}", reasons(log).join("\n  "))
}

/// What the filter says, or else what Envoy says, a line each.
pub(crate) fn reasons(log: &str) -> Vec<String> {
    let of_filter: Vec<String> = log.lines().filter_map(said_by_filter).map(str::to_owned).collect();
    if !of_filter.is_empty() {
        return of_filter;
    }
    let lines = log.lines().filter(|line| !line.trim().is_empty()).map(without_place);
    lines.map(|line| without_configuration(line).chars().take(LONGEST).collect()).collect()
}

/// `[time][thread][error][wasm] [place] wasm log <plugin> <vm>: <text>`
fn said_by_filter(line: &str) -> Option<&str> {
    let (_, said) = line.split_once("] wasm log ")?;
    let (_, text) = said.split_once(": ")?;
    Some(text)
}

/// The line without time, thread, level and place in Envoy's sources.
fn without_place(line: &str) -> &str {
    let mut rest = line;
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        rest = after.trim_start();
    }
    rest
}

/// The line without the whole configuration, which Envoy repeats where a field is of the wrong type: keys may be in it.
fn without_configuration(line: &str) -> &str {
    line.split("): {\"").next().unwrap_or_default()
}

/// Characters of a line.
const LONGEST: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_words_come_first_and_alone() {
        let log = "[1][2][error][wasm] [source/x.cc:1157] wasm log lockgate-revenue-strip lockgate: revenue_strip: \
                   configuration refused: rules[0].acton: unknown field `acton`\n\
                   [1][2][critical][wasm] [source/x.cc:626] Plugin lockgate-revenue-strip failed to load";
        assert_eq!(
            explain("envoy.yaml", log),
            "envoy.yaml is refused, correct it and start again:\n  \
             revenue_strip: configuration refused: rules[0].acton: unknown field `acton`"
        );
    }

    #[test]
    fn otherwise_envoys_words_without_places_and_repetition() {
        let log =
            format!("[1][2][critical][main] [source/server.cc:449] error `no such field: 'x'` {}", "y".repeat(9000));
        let text = explain("my.yaml", &log);
        assert!(
            text.starts_with("Envoy refuses my.yaml, correct it and start again:\n  error `no such field: 'x'` yy")
        );
        assert!(text.len() < 800, "{}", text.len());
        let repeated = r#"[1][critical] cannot parse (INVALID: number: 'x'): {"private_key": "secret"}"#;
        assert_eq!(reasons(repeated), ["cannot parse (INVALID: number: 'x'"]);
    }
}
