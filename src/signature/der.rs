//! Keys in DER and PEM, read with RustCrypto's readers, which take the one canonical form only; and the little that is
//! written.

use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tagged, pem};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{Curve, KeyError, MAX_DER_BYTES, VerifyingKey};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

const fn curve_id(curve: Curve) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(match curve {
        Curve::P256 => "1.2.840.10045.3.1.7",
        Curve::P384 => "1.3.132.0.34",
        Curve::P521 => "1.3.132.0.35",
    })
}

/// Any key that is supported, as `SubjectPublicKeyInfo`.
pub(super) fn read_public_key(der: &[u8]) -> Result<VerifyingKey, KeyError> {
    if der.len() > MAX_DER_BYTES {
        return Err(KeyError::Der);
    }
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::Der)?;
    let key = info.subject_public_key.as_bytes().ok_or(KeyError::Der)?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        RSA if parameters.is_some_and(AnyRef::is_null) => {
            let (n, e) = read_rsa_public_key(key)?;
            VerifyingKey::rsa(n, e)
        }
        EC => {
            let id = info.algorithm.parameters_oid().map_err(|_| KeyError::Der)?;
            let curves = [Curve::P256, Curve::P384, Curve::P521];
            let curve = curves.into_iter().find(|&curve| curve_id(curve) == id).ok_or(KeyError::Unsupported)?;
            // Uncompressed (SEC 1, section 2.3.3), as everybody writes it.
            let point = key.strip_prefix(&[4]).ok_or(KeyError::Point)?;
            let (x, y) = point.split_at_checked(curve.bytes()).ok_or(KeyError::Length)?;
            VerifyingKey::ec(curve, x, y)
        }
        ED25519 if parameters.is_none() => VerifyingKey::ed25519(key),
        RSA | ED25519 => Err(KeyError::Der),
        _ => Err(KeyError::Unsupported),
    }
}

/// `RSAPublicKey` (RFC 8017, appendix A.1.1): modulus and exponent.
fn read_rsa_public_key(der: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    let read = || {
        let mut reader = SliceReader::new(der)?;
        let numbers = reader.sequence(|reader| {
            let n = UintRef::decode(reader)?;
            let e = UintRef::decode(reader)?;
            Ok::<_, pkcs8::der::Error>((n.as_bytes(), e.as_bytes()))
        })?;
        reader.finish()?;
        Ok::<_, pkcs8::der::Error>(numbers)
    };
    read().map_err(|_| KeyError::Der)
}

/// An Ed25519 private key in PKCS #8 (RFC 8410, section 7), and the public key where the file has it.
pub(super) fn read_ed25519_private_key(der: &[u8]) -> Result<(Zeroizing<Vec<u8>>, Option<Vec<u8>>), KeyError> {
    if der.len() > MAX_DER_BYTES {
        return Err(KeyError::Der);
    }
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyError::Der)?;
    if info.algorithm.oid != ED25519 {
        return Err(KeyError::Unsupported);
    }
    if info.algorithm.parameters.is_some() {
        return Err(KeyError::Der);
    }
    let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(|_| KeyError::Der)?;
    let public = match info.public_key {
        Some(bits) => Some(bits.as_bytes().ok_or(KeyError::Der)?.to_vec()),
        None => None,
    };
    Ok((Zeroizing::new(seed.as_bytes().to_vec()), public))
}

/// What PEM with this label holds.
pub(super) fn unwrap_pem(text: &str, label: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if text.len() > 2 * MAX_DER_BYTES {
        return Err(KeyError::Pem);
    }
    let mut buffer = Zeroizing::new(vec![0; 2 * MAX_DER_BYTES]);
    let (found, der) = pem::decode(text.as_bytes(), &mut buffer).map_err(|_| KeyError::Pem)?;
    if found != label {
        return Err(KeyError::Pem);
    }
    Ok(Zeroizing::new(der.to_vec()))
}

/// The certificate of a PEM text, in DER.
pub(super) fn unwrap_certificate(text: &str) -> Result<Vec<u8>, KeyError> {
    if text.len() > 2 * MAX_CERTIFICATE_BYTES {
        return Err(KeyError::Pem);
    }
    let mut buffer = vec![0; 2 * MAX_CERTIFICATE_BYTES];
    let (label, der) = pem::decode(text.as_bytes(), &mut buffer).map_err(|_| KeyError::Pem)?;
    if label == "CERTIFICATE" { Ok(der.to_vec()) } else { Err(KeyError::Pem) }
}

/// Longest certificate, in bytes.
const MAX_CERTIFICATE_BYTES: usize = 4 * MAX_DER_BYTES;

/// `SubjectPublicKeyInfo` of a certificate (RFC 5280, section 4.1), in DER: the field after the subject.
pub(super) fn key_of_certificate(certificate: &[u8]) -> Result<Vec<u8>, KeyError> {
    let read = || {
        let mut reader = SliceReader::new(certificate)?;
        let key = reader.sequence(|reader| {
            let to_be_signed = AnyRef::decode(reader)?;
            let mut fields = SliceReader::new(to_be_signed.value())?;
            let mut field = AnyRef::decode(&mut fields)?;
            // The version is there but in certificates of 1988.
            if Tagged::tag(&field).is_context_specific() {
                field = AnyRef::decode(&mut fields)?;
            }
            // That was the serial number; algorithm, issuer, validity and subject follow.
            let _ = field;
            for _ in 0..4 {
                AnyRef::decode(&mut fields)?;
            }
            let key = AnyRef::decode(&mut fields)?.to_der()?;
            AnyRef::decode(reader)?;
            AnyRef::decode(reader)?;
            Ok::<_, pkcs8::der::Error>(key)
        })?;
        reader.finish()?;
        Ok::<_, pkcs8::der::Error>(key)
    };
    read().map_err(|_| KeyError::Der)
}

/// `r` and `s` of an `ECDSA-Sig-Value` in DER, side by side, each in so many bytes.
pub(super) fn ecdsa_numbers(der: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let read = || {
        let mut reader = SliceReader::new(der)?;
        let numbers = reader.sequence(|reader| {
            let r = UintRef::decode(reader)?;
            let s = UintRef::decode(reader)?;
            Ok::<_, pkcs8::der::Error>([r.as_bytes(), s.as_bytes()])
        })?;
        reader.finish()?;
        Ok::<_, pkcs8::der::Error>(numbers)
    };
    let mut sides = Vec::with_capacity(2 * bytes);
    for number in read().ok()? {
        sides.resize(sides.len() + bytes.checked_sub(number.len())?, 0);
        sides.extend_from_slice(number);
    }
    Some(sides)
}

/// `SubjectPublicKeyInfo` of an RSA key.
pub(super) fn rsa_public_key(n: &[u8], e: &[u8]) -> Result<Vec<u8>, KeyError> {
    let write = || {
        let numbers = [UintRef::new(n)?, UintRef::new(e)?].map(|number| number.to_der());
        let [n, e] = numbers;
        let key = AnyRef::new(pkcs8::der::Tag::Sequence, &[n?, e?].concat())?.to_der()?;
        public_key(RSA, Some(AnyRef::NULL), &key)
    };
    write().map_err(|_| KeyError::Der)
}

/// `SubjectPublicKeyInfo` of a point in SEC 1's uncompressed form.
pub(super) fn ec_public_key(curve: Curve, point: &[u8]) -> Result<Vec<u8>, KeyError> {
    public_key(EC, Some(AnyRef::from(&curve_id(curve))), point).map_err(|_| KeyError::Der)
}

fn public_key(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> pkcs8::der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(key)? }.to_der()
}

/// `ECDSA-Sig-Value` (RFC 3279, section 2.2.3) from numbers of at most 48 bytes each.
pub(super) fn ecdsa_signature(r: &[u8], s: &[u8]) -> Result<Vec<u8>, KeyError> {
    let write = || {
        let [r, s] = [UintRef::new(r)?, UintRef::new(s)?].map(|number| number.to_der());
        AnyRef::new(pkcs8::der::Tag::Sequence, &[r?, s?].concat())?.to_der()
    };
    write().map_err(|_: pkcs8::der::Error| KeyError::Der)
}
