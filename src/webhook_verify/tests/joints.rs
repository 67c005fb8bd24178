//! What is signed side by side: where one value ends and the next begins, whose topic it is, and each part of a list.

use super::delivery::{NOW_S, SECRET};
use super::*;
use crate::signature::{Mac, MacHash};
use crate::webhook_verify::descriptor::Encoding;
use crate::webhook_verify::signatures::encode;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:ours";
const SNS: [&str; 8] = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
const ADYEN: [&str; 8] = [
    "/pspReference",
    "/originalReference",
    "/merchantAccountCode",
    "/merchantReference",
    "/amount/value",
    "/amount/currency",
    "/eventCode",
    "/success",
];

fn mac(text: &str) -> String {
    let mut mac = Mac::new(MacHash::Sha256, SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    String::from_utf8(encode(mac.finish().expose(), Encoding::Base64)).unwrap()
}

/// The preset of this name with a MAC in place of its certificate, so that messages can be signed here.
fn sns(more: &Value) -> Gate {
    let presets: Value = serde_json::from_str(include_str!("../presets.json")).unwrap();
    let mut scheme = presets["aws-sns"].clone();
    scheme["algorithm"] = json!("hmac-sha256");
    scheme["secret"]["format"] = json!("raw");
    let mut all = json!({"settings": {"topic_arn": TOPIC}});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    let mut gate = Gate::new(&endpoint(&scheme, 1, &all), &[SECRET]);
    gate.at(NOW_S);
    gate
}

fn lines(message: &Value) -> String {
    SNS.iter().filter_map(|name| message[*name].as_str().map(|value| format!("{name}\n{value}\n"))).collect()
}

fn message(changes: &Value) -> Value {
    let mut message = json!({
        "Message": "{\"pay\": 1}", "MessageId": "22b80b92", "Timestamp": super::super::timestamp::print_rfc3339(NOW_S * 1000),
        "TopicArn": TOPIC, "Type": "Notification", "SignatureVersion": "2"
    });
    for (name, value) in changes.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

fn sent(mut message: Value, signature: String) -> Request {
    message["Signature"] = json!(signature);
    post("/", &[], message.to_string().as_bytes())
}

/// Any customer of the sender can have messages of a topic of their own signed with the sender's key.
#[test]
fn messages_of_another_topic_are_refused() {
    for (changes, want) in [
        (json!({}), "pass"),
        (json!({"Subject": "a", "Message": "of\ntwo lines\n"}), "pass"),
        (json!({"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://x.example"}), "pass"),
        (json!({"Type": "UnsubscribeConfirmation", "Token": "t", "SubscribeURL": "https://x.example"}), "pass"),
        (json!({"Type": "Else"}), "malformed"),
        (json!({"TopicArn": "arn:aws:sns:eu-west-1:666666666666:theirs"}), "malformed"),
        (json!({"TopicArn": format!("{TOPIC}s")}), "malformed"),
    ] {
        let message = message(&changes);
        let signature = mac(&lines(&message));
        assert_eq!(reason(&sns(&json!({})).send(&sent(message, signature))), want, "{changes}");
    }
    for name in ["aws-sns", "aws-sns-v1", "bkash"] {
        let error = Gate::try_new(&endpoint(&json!(name), 1, &json!({})), &[SECRET]).err().unwrap();
        assert!(error.contains("secrets[0]") || error.contains("settings: lacks `topic_arn`"), "{error}");
        let vector = super::vectors::accepted().into_iter().find(|vector| vector.id == name).unwrap();
        let mut other = vector.clone();
        other.config["endpoints"][0]["settings"]["topic_arn"] = json!(TOPIC);
        assert_eq!(reason(&other.gate().unwrap().send(&other.request)), "malformed", "{name}");
        let mut none = vector;
        none.config["endpoints"][0].as_object_mut().unwrap().remove("settings");
        let error = none.gate().err().unwrap();
        assert!(error.starts_with("endpoints[0].settings: lacks `topic_arn`"), "{error}");
    }
}

/// The same signed lines, cut into other names and values.
#[test]
fn a_value_that_holds_a_line_break_is_refused() {
    let time = message(&json!({}))["Timestamp"].as_str().unwrap().to_owned();
    let inner = format!("evil\nMessageId\n2\nTimestamp\n{time}\nTopicArn\n{TOPIC}\nType\nNotification");
    let real = message(&json!({"Message": inner}));
    let signature = mac(&lines(&real));
    assert_eq!(reason(&sns(&json!({})).send(&sent(real.clone(), signature.clone()))), "pass");
    for at in ["MessageId", "Subject", "Token", "SubscribeURL"] {
        // What stands behind the first line goes into this value.
        let (head, tail) = inner.split_once('\n').unwrap();
        let fake = message(&json!({"Message": head, at: tail}));
        let signature = mac(&lines(&fake));
        assert_eq!(reason(&sns(&json!({})).send(&sent(fake, signature))), "malformed", "{at}");
    }
    let rest = lines(&real).split_once("\nType\n").map(|(_, rest)| rest.trim_end().to_owned()).unwrap();
    let fake = message(&json!({"Message": "evil", "MessageId": "2", "Type": rest}));
    assert_eq!(lines(&fake), lines(&real));
    assert_eq!(reason(&sns(&json!({})).send(&sent(fake, signature))), "malformed");
}

fn item(values: [&str; 8], signature: Option<&str>) -> Value {
    let mut item = json!({"additionalData": {}, "amount": {}});
    for (path, value) in ADYEN.iter().zip(values) {
        match path.strip_prefix("/amount/") {
            Some(name) => item["amount"][name] = json!(value),
            None => item[&path[1..]] = json!(value),
        }
    }
    item["additionalData"]["hmacSignature"] = json!(signature.map_or_else(|| mac(&values.join(":")), str::to_owned));
    json!({"NotificationRequestItem": item})
}

fn items(items: &[&Value]) -> Request {
    post("/", &[], json!({"live": "true", "notificationItems": items}).to_string().as_bytes())
}

fn adyen(more: &Value) -> Gate {
    let mut all = json!({"secrets": [{"env": "S0", "format": "raw"}]});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    let mut gate = Gate::new(&endpoint(&json!("adyen"), 1, &all), &[SECRET]);
    gate.at(NOW_S);
    gate
}

const ITEM: [&str; 8] = ["p1", "", "A", "r", "100", "EUR", "AUTHORISATION", "true"];

#[test]
fn a_value_that_holds_a_colon_is_refused() {
    assert_eq!(reason(&adyen(&json!({})).send(&items(&[&item(ITEM, None)]))), "pass");
    for (n, path) in ADYEN.iter().enumerate() {
        for value in [":", "a:", ":a", "a:b"] {
            let mut values = ITEM;
            values[n] = value;
            // The merchant's own text is the one that may: it ends where the others begin.
            let want = if *path == "/merchantReference" { "pass" } else { "malformed" };
            assert_eq!(reason(&adyen(&json!({})).send(&items(&[&item(values, None)]))), want, "{path} {value}");
        }
    }
    // A reference that its sender signed with a colon, read as reference and amount.
    let signed = mac("p1::A:9999:100:1:EUR:AUTHORISATION:true");
    let shifted = ["p1", "", "A", "9999", "100", "1:EUR", "AUTHORISATION", "true"];
    assert_eq!(reason(&adyen(&json!({})).send(&items(&[&item(shifted, Some(&signed))]))), "malformed");
}

/// Nothing signs which parts come together: each is taken once, in whatever list.
#[test]
fn each_part_of_a_list_is_taken_once() {
    let (one, mut values) = (item(ITEM, None), ITEM);
    values[0] = "p2";
    let two = item(values, None);
    let mut noise = one.clone();
    noise["NotificationRequestItem"]["paymentMethod"] = json!("not signed");
    for replay in [json!({}), json!({"replay": {"window_s": 0}})] {
        for twice in [vec![&one, &one], vec![&one, &noise], vec![&one, &two, &one]] {
            assert_eq!(reason(&adyen(&replay).send(&items(&twice))), "malformed");
        }
    }
    let mut gate = adyen(&json!({}));
    for (list, status, want) in [
        (vec![&one], 200, "pass"),
        (vec![&one], 200, "replayed"),
        (vec![&noise], 200, "replayed"),
        // The second is new, and is not lost: its sender is not told that it was taken, and it can come alone.
        (vec![&one, &two], 409, "replayed"),
        (vec![&two, &one], 409, "replayed"),
        (vec![&two], 200, "pass"),
        (vec![&two, &one], 200, "replayed"),
    ] {
        let outcome = gate.send(&items(&list));
        assert_eq!((outcome.status, reason(&outcome)), (status, want), "{list:?}");
    }
    let mut gate = adyen(&json!({}));
    assert_eq!(gate.answers(500).send(&items(&[&one, &two])).status, 500);
    assert_eq!(gate.counter("hook.released"), 1);
    assert_eq!(reason(&gate.answers(200).send(&items(&[&one, &two]))), "pass");
    for list in [[&one], [&two]] {
        assert_eq!(reason(&gate.send(&items(&list))), "replayed");
    }
}
