//! `lockgate webhook presets`: the known schemes.

use clap::Args;
use lockgate::webhook_verify::presets as all;
use serde_json::json;

/// Lists the known schemes, with their sources and what each does not protect.
///
/// Example: lockgate webhook presets
#[derive(Args, Debug)]
pub(super) struct PresetsArgs {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn presets(args: &PresetsArgs) -> Result<String, String> {
    let mut text = String::new();
    for preset in all() {
        if args.json {
            text.push_str(&json!({"name": preset.name, "source": preset.source, "gaps": preset.gaps}).to_string());
            text.push('\n');
            continue;
        }
        text.push_str(&format!("{}\n  {}\n", preset.name, preset.source));
        for gap in preset.gaps {
            text.push_str(&format!("  - {gap}\n"));
        }
    }
    Ok(text)
}
