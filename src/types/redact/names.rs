//! Names of what is secret, word by word: a chain may be called passage, and has tokens in its pools.

/// A word that makes a secret of its name's value, at the end of a longer word, too (`dbpassword`).
const ENDS: [&str; 23] = [
    "pass",
    "passwd",
    "password",
    "passwords",
    "passphrase",
    "passcode",
    "passkey",
    "secret",
    "secrets",
    "token",
    "tokens",
    "mnemonic",
    "credential",
    "credentials",
    "privkey",
    "privkeys",
    "privatekey",
    "privatekeys",
    "apikey",
    "apikeys",
    "secretkey",
    "accesskey",
    "mnemonics",
];
/// The same at the beginning of a longer word (`passwort`, `secretkey`).
const BEGINS: [&str; 9] = [
    "passw",
    "passphrase",
    "passcode",
    "passkey",
    "secretkey",
    "mnemonic",
    "credential",
    "privatekey",
    "privkey",
];
/// Words that end in one and are none.
const OTHERS: [&str; 8] =
    ["bypass", "compass", "encompass", "overpass", "surpass", "trespass", "underpass", "multipass"];
/// Before `key` in a name of several words, at the end of a longer word, too (`ETHPrivateKey`).
const OF_KEYS: [&str; 3] = ["priv", "private", "api"];
/// What a name is about if it ends in one of these: something that belongs to a secret, or to the tokens of a chain.
const ABOUT: [&str; 11] =
    ["name", "names", "file", "path", "dir", "folder", "pool", "decimals", "denom", "symbol", "supply"];
/// Pairs of tokens on a chain; of anything else a pair is two secrets.
const OF_PAIRS: [&str; 1] = ["erc"];

pub(super) fn is_secret(name: &str) -> bool {
    let words = words(name);
    if words.last().is_some_and(|last| ABOUT.contains(&last.as_str()))
        || words.first().is_some_and(|first| OF_PAIRS.contains(&first.as_str()))
            && words.last().is_some_and(|last| last.starts_with("pair"))
    {
        return false;
    }
    let is_key = |pair: &[String]| {
        OF_KEYS.iter().any(|of| pair[0].ends_with(of)) && matches!(pair[1].as_str(), "key" | "keys")
    };
    words.iter().any(|word| is_secret_word(word)) || words.windows(2).any(is_key)
}

fn is_secret_word(word: &str) -> bool {
    !OTHERS.contains(&word)
        && (ENDS.iter().any(|end| word.ends_with(end)) || BEGINS.iter().any(|begin| word.starts_with(begin)))
}

/// The words of a name in lower case, without numbers: `db_password2`, `authToken`, `rpc-secret`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if was_lower && c.is_uppercase() || !c.is_alphabetic() {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A variable of Ansible's own that holds a secret: `ansible_password`, `ansible_become_pass`, `ansible_ssh_private_key`.
pub(super) fn is_password_of_ansible(name: &str) -> bool {
    name.starts_with("ansible_") && is_secret(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_names_of_secrets_are_known_by_their_words() {
        for secret in [
            "password",
            "ansible_become_pass",
            "ansible_password",
            "DB_PASSWORD",
            "dbPassword",
            "db_password_2",
            "rootpass",
            "passwort",
            "password_hash",
            "passphrase",
            "my_secret",
            "secret_key_base",
            "clientSecret",
            "secretkey",
            "auth-token",
            "authtoken",
            "github_token",
            "tokens",
            "token2",
            "mnemonic_words",
            "credentials",
            "aws_credential",
            "priv_key",
            "privkey",
            "node_private_key",
            "privatekey",
            "api_key",
            "apikey",
            "API_KEYS",
            "ETHPrivateKey",
            "TLSPrivKey",
            "deployerprivatekey",
            "etherscanapikeys",
            "secretaccesskey",
            "jwtsecretkey",
            "seedmnemonics",
            "token_pair",
            "kube_webhook_token_auth",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for other in [
            "passage",
            "compass",
            "bypass_proxy",
            "passenger",
            "bonded_tokens_pool",
            "token_decimals",
            "erc20_token_pairs",
            "tls_secret_name",
            "password_file",
            "tokenfactory",
            "tokenomics",
            "secretary",
            "secretd",
            "priv_validator_key_file",
            "public_key",
            "api_keyspace",
            "",
        ] {
            assert!(!is_secret(other), "{other}");
        }
        assert!(is_password_of_ansible("ansible_ssh_pass") && is_password_of_ansible("ansible_sudo_pass"));
        assert!(is_password_of_ansible("ansible_ssh_private_key"));
        assert!(
            !is_password_of_ansible("ansible_ssh_private_key_file") && !is_password_of_ansible("db_password")
        );
    }
}
