"""Makes vectors.json: tokens of every algorithm and the attacks on them, signed by another implementation than ours.

Needs the package `cryptography`. Keys are new in each run; the private halves are not kept.
Expected results: RFC 7515, RFC 7518, RFC 8037, RFC 8725. Tokens are dated for the Unix time 1700000000.
"""

import hashlib
import hmac
import json
import pathlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = 1_700_000_000
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED_L = 2**252 + 27742317777372353535851937790883648493


def b64(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def message(alg, kid, **more):
    header = {"alg": alg, **({"kid": kid} if kid else {}), **more}
    claims = {"iss": "https://issuer.example", "aud": "lockgate", "sub": "u-1", "iat": NOW - 60, "exp": NOW + 600}
    return b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())


def raw(der, size):
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def sign(key, alg, text, salt=None):
    text = text.encode()
    hash_ = HASHES.get(alg[2:])
    if alg.startswith("RS"):
        return key.sign(text, padding.PKCS1v15(), hash_)
    if alg.startswith("PS"):
        salt = hash_.digest_size if salt is None else salt
        return key.sign(text, padding.PSS(mgf=padding.MGF1(hash_), salt_length=salt), hash_)
    if alg.startswith("ES"):
        return raw(key.sign(text, ec.ECDSA(hash_)), (key.curve.key_size + 7) // 8)
    return key.sign(text)


def jwk(key, kid, **more):
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        members = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(public, ec.EllipticCurvePublicKey):
        numbers, size = public.public_numbers(), (public.curve.key_size + 7) // 8
        curve = {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size]
        members = {"kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size)}
    else:
        name = "Ed25519" if isinstance(public, ed25519.Ed25519PublicKey) else "X25519"
        members = {"kty": "OKP", "crv": name, "x": b64(public.public_bytes_raw())}
    return {**members, "kid": kid, **more}


KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "rsa-3072": rsa.generate_private_key(3, 3072),
    "rsa-4096": rsa.generate_private_key(65537, 4096),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
}
ATTACKER = rsa.generate_private_key(65537, 2048)
PUBLIC = [jwk(key, kid) for kid, key in KEYS.items()]
ALL = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
RSA_ALGS = ALL[:6]
vectors, refused_sets = [], []


def add(name, token, want, algorithms=ALL, keys=PUBLIC):
    own = {"algorithms": algorithms} if algorithms is not ALL else {}
    own |= {"keys": keys} if keys is not PUBLIC else {}
    vectors.append({"name": name, **own, "token": token, "want": want})


def good(alg, kid, keys=None, **more):
    text = message(alg, kid, **more)
    return text + "." + b64(sign((keys or KEYS)[kid], alg, text))


# Every algorithm, with a key that it names, and with none.
for alg, kids in [(alg, ["rsa", "rsa-3072", "rsa-4096"]) for alg in RSA_ALGS] + [
    ("ES256", ["p256"]), ("ES384", ["p384"]), ("ES512", ["p521"]), ("EdDSA", ["ed"]), ("Ed25519", ["ed"]),
]:
    for kid in kids:
        add(f"{alg} {kid}", good(alg, kid), "pass")
    text = message(alg, None)
    add(f"{alg} without kid", text + "." + b64(sign(KEYS[kids[0]], alg, text)), "pass")
    add(f"{alg} where it is not listed", good(alg, kids[0]), "algorithm", [other for other in ALL if other != alg])
    add(f"{alg} of an unknown key", message(alg, "other") + ".AAAA", "unknown_key")

# Another algorithm of the family than the one that signed.
for said, used in [("RS256", "PS256"), ("PS256", "RS256"), ("RS256", "RS384"), ("RS512", "RS256"), ("PS384", "PS256")]:
    text = message(said, "rsa")
    add(f"says {said}, is {used}", text + "." + b64(sign(KEYS["rsa"], used, text)), "signature")
for salt in [0, 20, 222]:
    text = message("PS256", "rsa")
    add(f"PS256 with a salt of {salt}", text + "." + b64(sign(KEYS["rsa"], "PS256", text, salt)), "signature")

# Keys say what they are for.
for members, alg, want in [
    ({"alg": "RS256"}, "RS256", "pass"), ({"alg": "RS256"}, "PS256", "unknown_key"), ({"alg": "RS256"}, "RS512", "unknown_key"),
    ({"use": "sig"}, "RS256", "pass"), ({"key_ops": ["verify"]}, "RS256", "pass"), ({"key_ops": ["sign", "verify"]}, "RS256", "pass"),
]:
    add(f"key with {members}, token of {alg}", good(alg, "rsa"), want, keys=[jwk(KEYS["rsa"], "rsa", **members)])
for members in [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}, {"key_ops": "verify"}, {"alg": "RSA-OAEP"}, {"alg": "ES256"},
                {"use": 1}, {"alg": None}]:
    keys = [jwk(KEYS["rsa"], "rsa", **members), jwk(KEYS["p256"], "p256")]
    add(f"key with {members}", good("RS256", "rsa"), "unknown_key", keys=keys)
    add(f"the other key beside one with {members}", good("ES256", "p256"), "pass", keys=keys)
add("EdDSA key for the other name", good("Ed25519", "ed"), "pass", keys=[jwk(KEYS["ed"], "ed", alg="EdDSA")])

# Keys of another kind than the algorithm's.
for alg, kid in [("RS256", "p256"), ("ES256", "p384"), ("ES256", "p521"), ("ES384", "p256"), ("ES512", "p384"), ("EdDSA", "p256"),
                 ("ES256", "ed"), ("PS256", "ed"), ("EdDSA", "rsa")]:
    add(f"{alg} with {kid}", message(alg, kid) + "." + b64(bytes(64)), "unknown_key")
x25519_keys = [jwk(x25519.X25519PrivateKey.generate(), "x"), jwk(KEYS["p256"], "p256")]
add("X25519 for EdDSA", message("EdDSA", "x") + "." + b64(bytes(64)), "unknown_key", keys=x25519_keys)

# HMAC with what everybody knows.
public = KEYS["rsa"].public_key()
pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
point = KEYS["p256"].public_key().public_bytes(
    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
for name, secret in [
    ("PEM", pem), ("PEM without its last line end", pem.rstrip()),
    ("PKCS #1", public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)),
    ("DER", public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)),
    ("JWK", json.dumps(PUBLIC[0], separators=(",", ":")).encode()), ("modulus", unb64(PUBLIC[0]["n"])),
    ("modulus as text", PUBLIC[0]["n"].encode()), ("x", unb64(PUBLIC[3]["x"])), ("point", point),
    ("Ed25519 x", KEYS["ed"].public_key().public_bytes_raw()), ("nothing", b""),
]:
    for kid in ["rsa", None]:
        text = message("HS256", kid)
        mac = b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())
        add(f"HS256 keyed with the public key as {name}, kid {kid}", f"{text}.{mac}", "algorithm")

# A key in the header.
for more in [{"jwk": jwk(ATTACKER, "rsa")}, {"jku": "https://attacker.example/jwks.json"}, {"x5u": "https://attacker.example/c"},
             {"x5c": [b64(b"certificate")]}]:
    for kid in ["rsa", None]:
        text = message("RS256", kid, **more)
        add(f"signed by the attacker, {list(more)}, kid {kid}", text + "." + b64(sign(ATTACKER, "RS256", text)), "signature",
            keys=[PUBLIC[0]])
    text = message("RS256", "rsa", **more)
    add(f"signed by us, {list(more)}", text + "." + b64(sign(KEYS["rsa"], "RS256", text)), "pass")

# ECDSA.
text = message("ES256", "p256")
signature = sign(KEYS["p256"], "ES256", text)
r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def pair(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def der_of(r, s):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    return encode_dss_signature(r, s)


for name, bad in [
    ("r = s = 0", bytes(64)), ("r = 0", pair(0, s)), ("s = 0", pair(r, 0)), ("r = n", pair(P256_N, s)), ("s = n", pair(r, P256_N)),
    ("r = n + 1", pair(P256_N + 1, s)), ("s = n + 1", pair(r, P256_N + 1)), ("r = n, s = n", pair(P256_N, P256_N)),
    ("r = s = 1", pair(1, 1)), ("DER", der_of(r, s)), ("63 octets", signature[:63]), ("65 octets", signature + b"\0"),
    ("66 octets", b"\0" + signature[:32] + b"\0" + signature[32:]), ("a zero before", b"\0" + signature),
    ("halves swapped", signature[32:] + signature[:32]), ("little-endian", signature[:32][::-1] + signature[32:][::-1]),
    ("nothing", b""), ("twice", signature * 2),
]:
    add(f"ES256 {name}", text + "." + b64(bad), "signature")
add("ES256 n - s: malleable, and valid", text + "." + b64(pair(r, P256_N - s)), "pass")

# RSA.
text = message("RS256", "rsa")
signature = sign(KEYS["rsa"], "RS256", text)
n = public.public_numbers().n
value = int.from_bytes(signature, "big")
for name, bad in [
    ("a zero before", b"\0" + signature), ("without its last octet", signature[:-1]), ("without its first octet", signature[1:]),
    ("an octet more", signature + b"\0"), ("plus n", (value + n).to_bytes(257, "big")), ("0", bytes(256)),
    ("1", bytes(255) + b"\1"), ("n - 1", (n - 1).to_bytes(256, "big")), ("n", n.to_bytes(256, "big")), ("nothing", b""),
    ("negated", (n - value).to_bytes(256, "big")),
]:
    add(f"RS256 {name}", text + "." + b64(bad), "signature")

# Ed25519.
text = message("EdDSA", "ed")
signature = sign(KEYS["ed"], "EdDSA", text)
s = int.from_bytes(signature[32:], "little")
for name, bad in [
    ("S + L", signature[:32] + (s + ED_L).to_bytes(32, "little")), ("zeros", bytes(64)), ("R = identity, S = 0", b"\1" + bytes(63)),
    ("63 octets", signature[:63]), ("65 octets", signature + b"\0"), ("halves swapped", signature[32:] + signature[:32]),
    ("nothing", b""),
]:
    add(f"EdDSA {name}", text + "." + b64(bad), "signature")

# The examples of RFC 7515, appendices A.1 to A.3, dated for before their `exp` of 2011.
rfc = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
examples = [
    {"name": "RFC 7515, A.1", "algorithms": ["HS256"], "token": f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{rfc}"
     ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "keys": [{"kty": "oct",
     "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]},
    {"name": "RFC 7515, A.2", "algorithms": ["RS256"], "token": f"eyJhbGciOiJSUzI1NiJ9.{rfc}"
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU"
     "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"
     "xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioyp"
     "GlUPQGe77Rw", "keys": [{"kty": "RSA", "e": "AQAB",
     "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2l"
     "ZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2C"
     "apHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h"
     "4FRWyuXpoQ"}]},
    {"name": "RFC 7515, A.3", "algorithms": ["ES256"], "token": f"eyJhbGciOiJFUzI1NiJ9.{rfc}"
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", "keys": [{"kty": "EC",
     "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]},
]

# Sets without a usable key.
small = rsa.generate_private_key(65537, 1024)
for name, key in [
    ("RSA of 1024 bits", jwk(small, "k")), ("RSA with e = 1", {**PUBLIC[0], "e": "AQ"}), ("RSA with an even e", {**PUBLIC[0], "e": "Ag"}),
    ("RSA with an even n", {**PUBLIC[0], "n": number(n - 1)}), ("RSA without n", {"kty": "RSA", "e": "AQAB"}),
    ("RSA with padding", {**PUBLIC[0], "e": "AQAB="}), ("P-256 off the curve", {**PUBLIC[3], "y": PUBLIC[3]["x"]}),
    ("P-256 of 31 octets", {**PUBLIC[3], "x": b64(unb64(PUBLIC[3]["x"])[:31])}),
    ("P-256 said to be P-384", {**PUBLIC[3], "crv": "P-384"}), ("P-256 at zero", {**PUBLIC[3], "x": b64(bytes(32)), "y": b64(bytes(32))}),
    ("secp256k1", {**PUBLIC[3], "crv": "secp256k1"}), ("Ed25519 identity", {**PUBLIC[6], "x": b64(b"\1" + bytes(31))}),
    ("Ed25519 zero", {**PUBLIC[6], "x": b64(bytes(32))}), ("Ed25519 of 31 octets", {**PUBLIC[6], "x": b64(bytes(31))}),
    ("X25519", x25519_keys[0]), ("Ed448", {"kty": "OKP", "crv": "Ed448", "x": b64(bytes(57))}), ("no kty", {"kid": "k"}),
    ("unknown kty", {"kty": "AKP"}), ("a secret of 31 octets", {"kty": "oct", "k": b64(bytes(31))}), ("no object", 1),
]:
    refused_sets.append({"name": name, "keys": [key]})

out = {"source": "make_vectors.py", "algorithms": ALL, "keys": PUBLIC, "vectors": vectors, "examples": examples, "refused_sets": refused_sets}
pathlib.Path(__file__).with_name("vectors.json").write_text(json.dumps(out, indent=0, separators=(",", ":")) + "\n")
print(len(vectors), "vectors,", len(refused_sets), "sets")
