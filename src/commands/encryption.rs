//! age: a secret is encrypted to recipients and read again with an identity, from memory to memory.

use std::io::{Read as _, Write as _};

use age::{Decryptor, Encryptor, IdentityFile, x25519};
use zeroize::Zeroizing;

use crate::types::{diagnostic::Diagnostic, login::Secret};

/// Whom a backup is for.
#[derive(Debug)]
pub struct Recipients(Vec<x25519::Recipient>);

/// Who can read it: what an identity file of age holds.
pub struct Identities(Vec<Box<dyn age::Identity + Send + Sync>>);

impl Recipients {
    pub fn parse(texts: &[String]) -> Result<Self, Vec<Diagnostic>> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for text in texts {
            match text.parse() {
                Ok(recipient) => good.push(recipient),
                Err(why) => bad.push(refused(text, why)),
            }
        }
        if bad.is_empty() { Ok(Self(good)) } else { Err(bad) }
    }
}

fn refused(text: &str, why: &str) -> Diagnostic {
    // The one slip that would put a private key on the screen.
    if text.to_ascii_uppercase().contains("AGE-SECRET-KEY") {
        return Diagnostic::error("--recipient: this is an identity, not a recipient")
            .help("a recipient is the public half and begins with age1 (`age-keygen -y FILE` prints it)");
    }
    Diagnostic::error(format!("--recipient {text}: {why}"))
        .help("recipients are age's own (age1…, as `age-keygen` prints them); ssh keys and plugins are not understood")
}

impl Identities {
    /// `text` is that of an identity file. The error holds nothing of it.
    pub fn parse(text: &Secret) -> Result<Self, String> {
        let file = IdentityFile::from_buffer(text.reveal().as_bytes()).map_err(|e| e.to_string())?;
        let identities = file.into_identities().map_err(|e| e.to_string())?;
        if identities.is_empty() { Err("it holds no identity".to_owned()) } else { Ok(Self(identities)) }
    }
}

/// The encrypted form.
pub fn seal(secret: &Secret, recipients: &Recipients) -> Result<Vec<u8>, String> {
    let all = recipients.0.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(all).map_err(|e| e.to_string())?;
    let mut sealed = Vec::new();
    let written = || {
        let mut to = encryptor.wrap_output(&mut sealed)?;
        to.write_all(secret.reveal().as_bytes())?;
        to.finish().map(drop)
    };
    written().map_err(|e: std::io::Error| e.to_string())?;
    Ok(sealed)
}

/// What was sealed, or why these identities do not open it.
pub fn open(sealed: &[u8], identities: &Identities) -> Result<Secret, String> {
    let decryptor = Decryptor::new_buffered(sealed).map_err(|e| format!("it is no age file: {e}"))?;
    let all = identities.0.iter().map(|identity| &**identity as &dyn age::Identity);
    let mut from = decryptor.decrypt(all).map_err(|e| e.to_string())?;
    // With room for all of it: what a growing buffer leaves behind would not be wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(sealed.len()));
    from.read_to_end(&mut bytes).map_err(|e| format!("it is damaged: {e}"))?;
    std::str::from_utf8(&bytes).map(Secret::new).map_err(|_| "what it holds is no text".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use age::secrecy::ExposeSecret as _;

    use super::*;

    fn pair() -> (String, Secret) {
        let identity = x25519::Identity::generate();
        let file = format!("# created: now\n{}\n", identity.to_string().expose_secret());
        (identity.to_public().to_string(), Secret::new(file))
    }

    #[test]
    fn each_recipient_can_read_it_and_nobody_else() {
        let (all, secret): (Vec<_>, _) = ((0..3).map(|_| pair()).collect(), Secret::new("canary"));
        let to = Recipients::parse(&[all[0].0.clone(), all[1].0.clone()]).unwrap();
        let sealed = seal(&secret, &to).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
        let read = |n: usize| open(&sealed, &Identities::parse(&all[n].1).unwrap());
        assert_eq!((read(0).unwrap(), read(1).unwrap()), (secret.clone(), secret));
        assert!(read(2).is_err());
        for cut in 0..sealed.len() {
            assert!(open(&sealed[..cut], &Identities::parse(&all[0].1).unwrap()).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_bad_recipient_is_named_and_an_identity_is_not_shown() {
        let (_, identity) = pair();
        let key = identity.reveal().lines().last().unwrap().to_owned();
        for (text, word) in
            [("age1xyz", "age1xyz"), ("ssh-ed25519 AAAA", "ssh keys"), (key.as_str(), "identity")]
        {
            let problems = Recipients::parse(&[text.to_owned()]).unwrap_err();
            let said = format!("{problems:?}");
            assert!(said.contains(word) && !said.contains(&key), "{said}");
        }
        let why = Identities::parse(&Secret::new("canary\n")).err().unwrap();
        assert!(!why.contains("canary"), "{why}");
        assert!(Identities::parse(&Secret::new("# nothing\n")).is_err());
    }
}
