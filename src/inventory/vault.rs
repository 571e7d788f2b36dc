//! Ansible Vault, versions 1.1 and 1.2 (ansible/parsing/vault): AES-256 in counter mode, keys by PBKDF2, and an HMAC that
//! says whether the password was right.

use std::fmt;

use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

const HEADER: &str = "$ANSIBLE_VAULT;";
const ROUNDS: u32 = 10_000;
/// The cipher's key, the HMAC's key, and the counter's start.
const KEYS: usize = 32 + 32 + 16;

/// The passwords of a run, each with its id.
#[derive(Clone, Default)]
pub struct Vault {
    passwords: Vec<(String, Zeroizing<Vec<u8>>)>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.passwords.iter().map(|(id, _)| id)).finish()
    }
}

/// Why something stays encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Sealed {
    #[error("it is encrypted with Ansible Vault, and there is no password")]
    NoPassword,
    #[error("it is encrypted with Ansible Vault, and no password fits")]
    WrongPassword,
    #[error("it is no text of Ansible Vault: {0}")]
    Broken(&'static str),
}

impl Sealed {
    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::NoPassword => {
                "name its file with --vault-password-file, --vault-id or ANSIBLE_VAULT_PASSWORD_FILE"
            }
            Self::WrongPassword => {
                "check which password it was encrypted with; --vault-id may be given more than once"
            }
            Self::Broken(_) => "encrypt it again: `ansible-vault encrypt_string`",
        }
    }
}

/// Whether a text is one of Ansible Vault's.
pub(super) fn is_sealed(text: &str) -> bool {
    text.starts_with(HEADER)
}

/// Whether a text holds one, behind something else.
pub(super) fn has_header(text: &str) -> bool {
    text.contains(HEADER)
}

impl Vault {
    /// A password under an id; Ansible calls the one without a name `default`.
    pub fn add(&mut self, id: &str, password: Vec<u8>) {
        self.passwords.push((id.to_owned(), Zeroizing::new(password)));
    }

    /// What was encrypted. The password of the text's own id is tried first, then all others.
    pub(super) fn open(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, Sealed> {
        let envelope = Envelope::read(text)?;
        if self.passwords.is_empty() {
            return Err(Sealed::NoPassword);
        }
        let (own, others): (Vec<_>, Vec<_>) =
            self.passwords.iter().partition(|(id, _)| Some(id.as_str()) == envelope.id);
        let opened = own.into_iter().chain(others).find_map(|(_, password)| envelope.open(password));
        opened.ok_or(Sealed::WrongPassword)
    }

    /// The same for what has to be a text.
    pub(super) fn open_text(&self, text: &str) -> Result<String, Sealed> {
        let bytes = self.open(text)?;
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| Sealed::Broken("what was encrypted is not UTF-8"))
    }
}

struct Envelope<'t> {
    id: Option<&'t str>,
    salt: Vec<u8>,
    proof: Vec<u8>,
    sealed: Vec<u8>,
}

impl<'t> Envelope<'t> {
    fn read(text: &'t str) -> Result<Self, Sealed> {
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().trim().split(';').map(str::trim).collect();
        let id = match header[..] {
            ["$ANSIBLE_VAULT", "1.1" | "1.2", "AES256"] => None,
            ["$ANSIBLE_VAULT", "1.1" | "1.2", "AES256", id] => Some(id),
            ["$ANSIBLE_VAULT", "1.0", ..] => return Err(Sealed::Broken("version 1.0 is too old")),
            _ => return Err(Sealed::Broken("its first line is not `$ANSIBLE_VAULT;1.1;AES256`")),
        };
        let hex = |text: &[u8]| hex::decode(text).map_err(|_| Sealed::Broken("it is not hexadecimal"));
        let body: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
        let body = hex(body.as_bytes())?;
        let mut parts = body.splitn(3, |byte| *byte == b'\n');
        let mut part = || parts.next().ok_or(Sealed::Broken("it is cut off"));
        Ok(Self { id, salt: hex(part()?)?, proof: hex(part()?)?, sealed: hex(part()?)? })
    }

    fn open(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut keys = Zeroizing::new([0; KEYS]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, ROUNDS, keys.as_mut_slice());
        let mut proof = Hmac::<Sha256>::new_from_slice(&keys[32..64]).ok()?;
        proof.update(&self.sealed);
        proof.verify_slice(&self.proof).ok()?;
        let mut plain = Zeroizing::new(self.sealed.clone());
        ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&keys[..32], &keys[64..])
            .ok()?
            .apply_keystream(&mut plain);
        // PKCS#7: the last byte says how many were added.
        let added = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(added).filter(|_| (1..=16).contains(&added))?;
        plain[length..].zeroize();
        plain.truncate(length);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Made by `ansible-vault encrypt_string` with the password `test`.
    const TEXT: &str = "$ANSIBLE_VAULT;1.1;AES256\n\
        32376136396437303336333261376439623161653737383865376338376565366130363465303731\n\
        3631616261303264363132303432313732343231383537360a613238323634366635323265396433\n\
        34363062636138373765316537303463366363633866373561663737393162333562393136306536\n\
        3536333361643435370a643333333538333031336666373638626633386231633963353531646366\n\
        3863";
    /// With the id `lab`.
    const LABELLED: &str = "$ANSIBLE_VAULT;1.2;AES256;lab\n\
        39333233313764333262643862343963633836623263323231313039333537313838346139386334\n\
        3263333862396664363533363364376334366430303536630a333566646532663333326366323238\n\
        62313863636237366233336430363135323761363539663265393039663762646335643630613266\n\
        3865646336653462320a656130626362366635316434643062386531323337663234336363333065\n\
        6435";

    fn vault(passwords: &[(&str, &str)]) -> Vault {
        let mut vault = Vault::default();
        for (id, password) in passwords {
            vault.add(id, password.as_bytes().to_vec());
        }
        vault
    }

    #[test]
    fn what_ansible_has_encrypted_is_opened() {
        let known = vault(&[("other", "wrong"), ("default", "test")]);
        assert_eq!(known.open_text(TEXT).unwrap(), "s3cret {{ ä }}");
        assert_eq!(known.open_text(LABELLED).unwrap(), "labelled");
        assert_eq!(known.open_text(&TEXT.replace('\n', "\n      ")).unwrap(), "s3cret {{ ä }}");
    }

    #[test]
    fn fuzz_vault_texts() {
        let known = vault(&[("default", "test")]);
        crate::fuzz::fuzz("vault", &[TEXT.as_bytes(), LABELLED.as_bytes()], |bytes| {
            known.open_text(&String::from_utf8_lossy(bytes)).map_err(|why| format!("{why:?}"))
        });
    }

    #[test]
    fn what_stays_closed_says_why() {
        assert_eq!(Vault::default().open_text(TEXT), Err(Sealed::NoPassword));
        assert_eq!(vault(&[("default", "wrong")]).open_text(TEXT), Err(Sealed::WrongPassword));
        let known = vault(&[("default", "test")]);
        let damaged = TEXT.replacen('3', "4", 3);
        assert_ne!(known.open_text(&damaged), Ok("s3cret {{ ä }}".to_owned()));
        for broken in [
            "$ANSIBLE_VAULT;1.1;AES256\nzz",
            "$ANSIBLE_VAULT;1.1;AES256\n",
            "$ANSIBLE_VAULT;1.0;AES\n00",
            "x",
        ] {
            assert!(matches!(known.open_text(broken), Err(Sealed::Broken(_))), "{broken}");
        }
        assert!(!format!("{known:?}").contains("test"));
    }
}
