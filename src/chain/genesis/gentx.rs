//! Whether the books of a Cosmos SDK document add up, as its application counts them when the chain begins: accounts, balances
//! and what each validator's signed transaction (gentx) takes of them. Signatures and other modules' state are not looked at.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::{
    amino::Wrong,
    partial::Partial,
    path::Place,
    text::{Parts, parts},
};

const CREATE: &str = "/cosmos.staking.v1beta1.MsgCreateValidator";

/// The characters that a description's members may have.
const DESCRIPTION: &[(&str, usize)] =
    &[("moniker", 70), ("identity", 3000), ("website", 140), ("security_contact", 140), ("details", 280)];

#[derive(Deserialize)]
struct Coin {
    denom: String,
    amount: String,
}

#[derive(Deserialize)]
struct Balance {
    address: String,
    /// `null` is an empty list there.
    #[serde(default)]
    coins: Option<Vec<Coin>>,
}

/// What of a document the transactions are counted against. An account is its bytes: its address has other words in front where
/// it is a validator's.
#[derive(Default)]
struct Books {
    operators: BTreeSet<Vec<u8>>,
    /// Of an exported state there are hundreds of thousands, so of each a part that no two share.
    accounts: HashSet<u128>,
    has_accounts: bool,
    /// The operators' own.
    balances: BTreeMap<Vec<u8>, BTreeMap<String, u128>>,
    has_balances: bool,
    bond_denom: Option<String>,
    least_commission: Option<i128>,
}

/// All that does not add up.
pub(super) fn wrong_books(outline: &Partial<'_>, wrong: &mut Vec<Wrong>) {
    let text = |keys: &[&str]| outline.below(keys);
    let Some(signed) = outline.tree.pointer("/app_state/genutil/gen_txs").and_then(Value::as_array) else {
        return;
    };
    let operator = |tx: &Value| account(tx["body"]["messages"][0]["validator_address"].as_str()?);
    let mut books = Books { operators: signed.iter().filter_map(operator).collect(), ..Books::default() };
    if let Some(list) = text(&["app_state", "auth", "accounts"]) {
        books.read_accounts(&list, wrong);
    }
    if let Some(list) = text(&["app_state", "bank", "balances"]) {
        let supply = text(&["app_state", "bank", "supply"]);
        books.read_balances(&list, supply.as_deref(), wrong);
    }
    let staking = |field| text(&["app_state", "staking", "params", field]);
    let plain = |field| staking(field).and_then(|text| serde_json::from_str::<String>(&text).ok());
    books.bond_denom = plain("bond_denom");
    books.least_commission = plain("min_commission_rate").and_then(|rate| decimal(&rate));
    let mut seen = BTreeMap::new();
    for (index, tx) in signed.iter().enumerate() {
        let at = Place::default()
            .key("app_state")
            .key("genutil")
            .key("gen_txs")
            .index(index)
            .key("body")
            .key("messages");
        let messages = tx["body"]["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let [message] = messages else {
            wrong.push((at, format!("has {} messages, a gentx has one", messages.len())));
            continue;
        };
        let mut report = |path: &[&str], why: String| {
            let place = path.iter().fold(at.index(0), |place, key| place.key(key));
            wrong.push((place, why));
        };
        if message["@type"] != CREATE {
            report(&["@type"], format!("{} is no MsgCreateValidator", message["@type"]));
            continue;
        }
        books.judge(message, &mut report);
        if let Some(owner) = message["validator_address"].as_str().and_then(account)
            && let Some(first) = seen.insert(owner, index)
        {
            report(
                &["validator_address"],
                format!(
                    "the operator of gen_txs[{first}] once more: the chain makes one validator of an operator"
                ),
            );
        }
    }
}

impl Books {
    fn read_accounts(&mut self, list: &str, wrong: &mut Vec<Wrong>) {
        let Parts::List(entries) = parts(list) else { return };
        self.has_accounts = true;
        let at = Place::default().key("app_state").key("auth").key("accounts");
        for (index, entry) in entries.iter().enumerate() {
            let Some(address) = address_of(entry, 4) else { continue };
            match account(&address) {
                None => wrong.push((at.index(index), format!("{address:?} is no address of an account"))),
                Some(bytes) => {
                    if !self.accounts.insert(mark(&bytes)) {
                        wrong.push((at.index(index), format!("the account {address} is in the list twice")));
                    }
                }
            }
        }
    }

    fn read_balances(&mut self, list: &str, supply: Option<&str>, wrong: &mut Vec<Wrong>) {
        let Parts::List(entries) = parts(list) else { return };
        self.has_balances = true;
        let bank = Place::default().key("app_state").key("bank");
        let mut sums: BTreeMap<String, u128> = BTreeMap::new();
        let mut seen = HashSet::new();
        // More than 128 bits: the sums say nothing then.
        let mut counted = true;
        for (index, entry) in entries.iter().enumerate() {
            let at = bank.key("balances").index(index);
            let Ok(balance) = serde_json::from_str::<Balance>(entry) else {
                wrong.push((at, "is not a balance: {address, coins: [{denom, amount}]}".to_owned()));
                continue;
            };
            let mut own = BTreeMap::new();
            for coin in balance.coins.unwrap_or_default() {
                let Ok(amount) = coin.amount.parse::<u128>() else {
                    counted = false;
                    continue;
                };
                let sum = sums.entry(coin.denom.clone()).or_default();
                match sum.checked_add(amount) {
                    Some(more) => *sum = more,
                    None => counted = false,
                }
                own.insert(coin.denom, amount);
            }
            match account(&balance.address) {
                None => wrong.push((at, format!("{:?} is no address of an account", balance.address))),
                Some(bytes) => {
                    let is_new = seen.insert(mark(&bytes));
                    if self.operators.contains(&bytes) {
                        self.balances.insert(bytes, own);
                    }
                    if !is_new {
                        wrong.push((at, format!("the balance of {} is in the list twice", balance.address)));
                    }
                }
            }
        }
        let supply: Vec<Coin> = supply.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        // An empty one is summed up by the chain itself.
        if counted && !supply.is_empty() {
            sums.retain(|_, sum| *sum > 0);
            let said: Option<BTreeMap<String, u128>> =
                supply.iter().map(|coin| Some((coin.denom.clone(), coin.amount.parse().ok()?))).collect();
            if said.as_ref().is_some_and(|said| *said != sums) {
                let show = |sums: &BTreeMap<String, u128>| {
                    sums.iter()
                        .map(|(denom, amount)| format!("{amount}{denom}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                let why = format!(
                    "is {}, all balances together are {}",
                    show(&said.unwrap_or_default()),
                    show(&sums)
                );
                wrong.push((bank.key("supply"), why));
            }
        }
    }

    /// One validator's transaction, as the staking module takes it.
    fn judge(&self, message: &Value, report: &mut impl FnMut(&[&str], String)) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (operator, denom) = (text(&message["validator_address"]), text(&message["value"]["denom"]));
        let amount = message["value"]["amount"].as_str().and_then(|amount| amount.parse::<u128>().ok());
        if let Some(bond) = self.bond_denom.as_ref().filter(|bond| **bond != denom) {
            report(
                &["value", "denom"],
                format!("stakes {denom:?}, but the chain stakes {bond:?} (staking.params.bond_denom)"),
            );
        }
        if amount.is_none_or(|amount| amount == 0) {
            report(&["value", "amount"], format!("{} is no amount above zero", message["value"]["amount"]));
        }
        match account(&operator) {
            None => report(&["validator_address"], format!("{operator:?} is no address of a validator")),
            Some(owner) => {
                if self.has_accounts && !self.accounts.contains(&mark(&owner)) {
                    report(
                        &["validator_address"],
                        format!("the operator {operator} has no account in auth.accounts"),
                    );
                }
                let has = self.balances.get(&owner).and_then(|own| own.get(&denom)).copied().unwrap_or(0);
                if self.has_balances && amount.is_some_and(|amount| amount > has) {
                    let stake = amount.unwrap_or_default();
                    report(
                        &["value", "amount"],
                        format!(
                            "stakes {stake}{denom}, but the operator {operator} has {has}{denom} in bank.balances"
                        ),
                    );
                }
                let delegator = text(&message["delegator_address"]);
                if !delegator.is_empty() && account(&delegator) != Some(owner) {
                    report(&["delegator_address"], format!("{delegator} is not the operator's own account"));
                }
            }
        }
        let own =
            message["min_self_delegation"].as_str().and_then(|own| own.parse::<u128>().ok()).unwrap_or(0);
        if own == 0 || amount.is_some_and(|amount| own > amount) {
            let why = format!("{} is not between 1 and the stake", message["min_self_delegation"]);
            report(&["min_self_delegation"], why);
        }
        self.judge_commission(&message["commission"], report);
        judge_description(&message["description"], report);
    }

    fn judge_commission(&self, commission: &Value, report: &mut impl FnMut(&[&str], String)) {
        let rate = |field: &str| commission[field].as_str().and_then(decimal);
        let mut over = |field: &str, limit: i128, named: &str| match rate(field) {
            None => report(&["commission", field], format!("{} is no decimal number", commission[field])),
            Some(found) if found < 0 => report(&["commission", field], "is below zero".to_owned()),
            Some(found) if found > limit => {
                report(&["commission", field], format!("{} is more than {named}", commission[field]));
            }
            Some(_) => {}
        };
        let most = rate("max_rate").unwrap_or(ONE);
        over("max_rate", ONE, "1 (100 %)");
        over("rate", most.min(ONE), if most < ONE { "max_rate" } else { "1 (100 %)" });
        over("max_change_rate", most, "max_rate");
        if let (Some(rate), Some(least)) = (rate("rate"), self.least_commission)
            && rate < least
        {
            report(&["commission", "rate"], "is less than staking.params.min_commission_rate".to_owned());
        }
    }
}

fn judge_description(description: &Value, report: &mut impl FnMut(&[&str], String)) {
    for (field, most) in DESCRIPTION {
        let length = description[*field].as_str().map_or(0, str::len);
        if length > *most {
            report(&["description", field], format!("has {length} bytes, {most} at most"));
        }
    }
    if description["moniker"].as_str().is_none_or(str::is_empty) {
        report(&["description", "moniker"], "is empty: a validator has a name".to_owned());
    }
}

/// The address of an account, however deep its type has it (vesting and module accounts hold another one).
fn address_of(entry: &str, depth: usize) -> Option<String> {
    let Parts::Object(members) = parts(entry) else { return None };
    let of = |name: &str| members.iter().rev().find(|(key, _)| key == name).map(|(_, text)| *text);
    match of("address").and_then(|text| serde_json::from_str(text).ok()) {
        Some(address) => Some(address),
        None if depth == 0 => None,
        None => ["base_account", "base_vesting_account"]
            .iter()
            .find_map(|inner| of(inner).and_then(|inner| address_of(inner, depth - 1))),
    }
}

/// The bytes of a bech32 address.
fn account(address: &str) -> Option<Vec<u8>> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<bech32::Bech32>(address).ok()?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    (!bytes.is_empty()).then_some(bytes)
}

/// The first 16 bytes: an address is a part of a hash.
fn mark(account: &[u8]) -> u128 {
    account.iter().take(16).fold(u128::try_from(account.len()).unwrap_or(0), |mark, byte| {
        mark.rotate_left(8) ^ u128::from(*byte)
    })
}

/// 1, with the SDK's 18 digits behind the point.
const ONE: i128 = 1_000_000_000_000_000_000;

fn decimal(text: &str) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > 18 {
        return None;
    }
    let fraction: i128 = format!("{part:0<18}").parse().ok()?;
    let value = whole.parse::<i128>().ok()?.checked_mul(ONE)?.checked_add(fraction)?;
    Some(if negative { -value } else { value })
}
