//! `lockgate token mint`: a token of one's own claims, for tests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use lockgate::signature::SigningKey;
use serde_json::{Map, Value, json};

use super::times::now_s;

/// Signs claims with a key of yours, and prints the token alone.
///
/// `iat` is now and `exp` `--ttl-s` later, unless the claims say otherwise. The key comes from the environment, never from the
/// command line, which others can see: an Ed25519 private key in PEM (PKCS #8) signs EdDSA, any other text is a secret
/// and signs HS256.
///
/// Example: lockgate token mint --key-env SECRET --claims '{"iss": "https://issuer.example", "sub": "u"}'
#[derive(Args, Debug)]
pub(super) struct MintArgs {
    /// The claims: a JSON object, or `-` to read it from standard input.
    #[arg(long, value_name = "JSON")]
    claims: String,
    /// The variable with the key.
    #[arg(long, value_name = "NAME")]
    key_env: String,
    /// The header's `kid`.
    #[arg(long)]
    kid: Option<String>,
    /// The header's `typ`.
    #[arg(long, default_value = "JWT")]
    typ: String,
    /// How long it is valid, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    ttl_s: u32,
    /// The time, in Unix seconds; absent: the clock's.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
}

/// The token.
///
/// # Errors
/// No key, or claims that are no object. Neither is ever shown.
pub(super) fn mint(args: &MintArgs) -> Result<String, String> {
    let mut claims: Map<String, Value> = serde_json::from_str(&super::given(&args.claims)?)
        .map_err(|_| "--claims: must be one JSON object, such as {\"sub\": \"u\"}".to_owned())?;
    let name = &args.key_env;
    let text = std::env::var(name).map_err(|_| format!("--key-env: the variable {name} is not set, or no text"))?;
    let key = if text.trim_start().starts_with("-----BEGIN") {
        SigningKey::ed25519_pkcs8_pem(&text)
    } else {
        SigningKey::hmac(text.as_bytes())
    };
    let key = key.map_err(|error| format!("--key-env: the key in {name} cannot sign: {error}"))?;
    let now_s = args.now.unwrap_or_else(now_s);
    let from = claims.entry("iat").or_insert_with(|| json!(now_s)).as_u64().unwrap_or(now_s);
    claims.entry("exp").or_insert_with(|| json!(from.saturating_add(u64::from(args.ttl_s))));
    let mut header = json!({"alg": key.algorithm().name(), "typ": args.typ});
    if let (Some(kid), Some(members)) = (&args.kid, header.as_object_mut()) {
        members.insert("kid".to_owned(), json!(kid));
    }
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let message = format!("{}.{}", part(header.to_string()), part(Value::Object(claims).to_string()));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    Ok(format!("{message}.{signature}"))
}
