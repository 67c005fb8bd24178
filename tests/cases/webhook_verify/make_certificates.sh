#!/usr/bin/env bash
# Writes certificates.json: deliveries of providers that sign with a certificate, and of one that signs with RSA and SHA-1.
# No such delivery is published with its key, so these are signed here, by OpenSSL: another implementation than ours.
# The private key is made anew each time and thrown away.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/key.pem" -out "$folder/certificate.pem" -days 3650 \
    -subj "/CN=webhooks.example" 2>/dev/null
openssl pkey -in "$folder/key.pem" -pubout -out "$folder/public.pem"

# sign HASH FILE: base64 in one line.
sign() { openssl dgst "-$1" -sign "$folder/key.pem" "$2" | base64 -w 0; }

sns() { # VERSION HASH
    local message="$folder/message" id=22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324 time=2026-01-02T03:04:05.000Z
    local topic=arn:aws:sns:us-west-2:123456789012:MyTopic
    printf 'Message\nHello "world"\nMessageId\n%s\nSubject\nMy First Message\nTimestamp\n%s\nTopicArn\n%s\nType\nNotification\n' \
        "$id" "$time" "$topic" >"$message"
    printf '{"Type":"Notification","MessageId":"%s","TopicArn":"%s","Subject":"My First Message","Message":"Hello \\"world\\"","Timestamp":"%s","SignatureVersion":"%s","Signature":"%s"}' \
        "$id" "$topic" "$time" "$1" "$(sign "$2" "$message")"
}
printf '{"type":"payment"}' >"$folder/body"
crc=$(python3 -c 'import sys, zlib; print(zlib.crc32(open(sys.argv[1], "rb").read()))' "$folder/body")
printf '69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-01-02T03:04:05Z|WH-1|%s' "$crc" >"$folder/paypal"
SNS2=$(sns 2 sha256) SNS1=$(sns 1 sha1) PAYPAL=$(sign sha256 "$folder/paypal") POSTAL=$(sign sha1 "$folder/body") \
    python3 - "$folder" >certificates.json <<'PYTHON'
import json, os, sys
read = lambda name: open(f"{sys.argv[1]}/{name}").read()
source = "signed by OpenSSL, see make_certificates.sh"
def case(id, scheme, body, headers, format, secret, **more):
    return {"id": id, "source": source, "scheme": scheme, "method": "POST", "path": "/", "headers": headers, "body": body,
            "secrets": [secret], "format": format, "now": 1767323045, **more}
certificate, public, body = read("certificate.pem"), read("public.pem"), read("body")
topic = {"topic_arn": "arn:aws:sns:us-west-2:123456789012:MyTopic"}
cases = [
    case("aws-sns", "aws-sns", os.environ["SNS2"], [], "certificate", certificate, settings=topic),
    case("aws-sns-v1", "aws-sns-v1", os.environ["SNS1"], [], "certificate", certificate, settings=topic),
    case("bkash", "bkash", os.environ["SNS1"], [], "certificate", certificate, settings=topic),
    case("paypal", "paypal", body, [
        ["PAYPAL-TRANSMISSION-ID", "69cd13f0-d67a-11e5-baa3-778b53f4ae55"], ["PAYPAL-TRANSMISSION-TIME", "2026-01-02T03:04:05Z"],
        ["PAYPAL-TRANSMISSION-SIG", os.environ["PAYPAL"]], ["PAYPAL-AUTH-ALGO", "SHA256withRSA"]],
        "certificate", certificate, settings={"webhook_id": "WH-1"}),
    case("postal", "postal", body, [["X-Postal-Signature", os.environ["POSTAL"]]], "spki", public),
]
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
PYTHON
