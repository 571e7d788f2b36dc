//! Variables as the engine sees them: what stands in a list or a dictionary is rendered when it is asked for.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde_json::{Map, Value as Json};

use super::budget::MAX_DEPTH;
use super::text::{self, Big};
use super::{OWN, Run, below, budget};
use crate::inventory::{Var, scalar};

/// Whose variables an expression is about.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub run: Arc<Run>,
    /// The how many-th of the world's hosts.
    pub host: usize,
    /// It was reached by `hostvars`: Ansible does not know `hostvars` there.
    pub through_hostvars: bool,
}

impl Scope {
    pub fn context(&self) -> Value {
        Value::from_object(Context(self.clone()))
    }

    /// What Ansible knows of a host without being told.
    pub fn own(&self, name: &str) -> Option<Value> {
        let (host, facts) = self.run.world.hosts.get_index(self.host)?;
        let path = |path: &std::path::Path| Value::from(path.to_string_lossy().into_owned());
        Some(match name {
            "inventory_hostname" => Value::from(host.as_str()),
            "inventory_hostname_short" => {
                let is_address = host.parse::<std::net::IpAddr>().is_ok();
                let short = if is_address { None } else { host.split('.').next() };
                Value::from(short.unwrap_or(host))
            }
            "group_names" => facts.groups.iter().map(String::as_str).collect(),
            "inventory_file" => path(facts.file.as_ref()?),
            "inventory_dir" => path(facts.file.as_ref()?.parent()?),
            "groups" => Value::from_object(Groups(self.clone())),
            "hostvars" if !self.through_hostvars => Value::from_object(HostVars(self.clone())),
            _ => return None,
        })
    }

    fn value(&self, name: &str) -> Option<Value> {
        let found = self.named(name)?;
        Some(found.unwrap_or_else(|stop| self.run.failed(stop)))
    }

    fn miss(&self, name: String) {
        let mut missing = self.run.missing();
        if !missing.contains(&name) {
            missing.push(name);
        }
    }
}

/// The names of an expression.
#[derive(Debug)]
struct Context(Scope);

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let value = self.0.value(name);
        if value.is_none() && !super::globals::is_global(name) {
            self.0.miss(name.to_owned());
        }
        value
    }
}

/// Group's name to the names of its hosts.
#[derive(Debug)]
struct Groups(Scope);

impl Object for Groups {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let Some(hosts) = self.0.run.world.hosts_of(name) else {
            self.0.miss(format!("groups['{name}']"));
            return None;
        };
        Some(hosts.into_iter().collect())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.run.world.group_names().map(Value::from).collect())
    }
}

/// Host's name to its variables.
#[derive(Debug)]
struct HostVars(Scope);

impl Object for HostVars {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let Some(host) = self.0.run.world.hosts.get_index_of(name) else {
            self.0.miss(format!("hostvars['{name}']"));
            return None;
        };
        let scope = Scope { run: self.0.run.clone(), host, through_hostvars: true };
        Some(Value::from_object(VarsOf(scope)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.run.world.hosts.keys().map(|name| Value::from(name.as_str())).collect())
    }
}

/// The variables of another host, rendered as its own.
#[derive(Debug)]
struct VarsOf(Scope);

impl Object for VarsOf {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let value = self.0.value(name);
        if value.is_none() {
            let host = self.0.run.world.hosts.get_index(self.0.host).map_or("", |(name, _)| name);
            self.0.miss(format!("hostvars['{host}'].{name}"));
        }
        value
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let facts = &self.0.run.world.hosts[self.0.host];
        let own = OWN.iter().filter(|name| **name != "hostvars" && !facts.vars.contains_key(**name));
        Enumerator::Values(
            facts
                .vars
                .keys()
                .map(|name| Value::from(&**name))
                .chain(own.map(|name| Value::from(*name)))
                .collect(),
        )
    }
}

/// A value that needs no rendering now: a list or a dictionary keeps its templates until they are asked for.
pub(super) fn of(scope: &Scope, name: &Arc<str>, var: &Arc<Var>, pointer: &str, value: &Json) -> Value {
    match value {
        Json::Array(_) | Json::Object(_) => {
            let (scope, name, var) = (scope.clone(), name.clone(), var.clone());
            Value::from_object(Lazy { scope, name, var, pointer: pointer.to_owned() })
        }
        scalar => plain(scalar),
    }
}

/// A value as it stands, without templates.
pub(super) fn plain(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => whole_or_float(number),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(members) => {
            members.iter().map(|(key, member)| (Value::from(key.as_str()), plain(member))).collect()
        }
    }
}

/// By its text: with `arbitrary_precision`, numbers do not pass through serde as numbers.
fn whole_or_float(number: &serde_json::Number) -> Value {
    let text = number.to_string();
    if text.contains(['.', 'e', 'E']) {
        let float = number.as_f64().or_else(|| scalar::not_finite(&text));
        return float.map_or_else(|| Value::from(text.as_str()), Value::from);
    }
    match (text.parse::<i64>(), text.parse::<i128>()) {
        (Ok(number), _) => Value::from(number),
        (_, Ok(number)) => Value::from(number),
        _ => Value::from_object(Big(text)),
    }
}

struct Lazy {
    scope: Scope,
    name: Arc<str>,
    var: Arc<Var>,
    pointer: String,
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.pointer)
    }
}

impl Lazy {
    fn json(&self) -> &Json {
        self.var.value.pointer(&self.pointer).unwrap_or(&Json::Null)
    }

    fn member(&self, key: &str) -> Option<Value> {
        let pointer = below(&self.pointer, key);
        let Some(value) = self.var.value.pointer(&pointer) else {
            self.scope.miss(format!("{}{}", self.name, pointer.replace('/', ".")));
            return None;
        };
        let part = self.scope.part(&self.name, &self.var, &pointer, value);
        Some(part.unwrap_or_else(|stop| self.scope.run.failed(stop)))
    }
}

impl Object for Lazy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.json() {
            Json::Array(_) => self.member(&key.as_usize()?.to_string()),
            _ => self.member(key.as_str()?),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Json::Array(items) => Enumerator::Seq(items.len()),
            Json::Object(members) => {
                Enumerator::Values(members.keys().map(|key| Value::from(key.as_str())).collect())
            }
            _ => Enumerator::Empty,
        }
    }

    /// What cannot be shown is found when the expression's result is looked at.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = text::of(&Value::from_dyn_object(self.clone()));
        f.write_str(&text.unwrap_or_default())
    }
}

/// Whether what is in it is rendered only when it is asked for.
pub(super) fn is_rendered_later(value: &Value) -> bool {
    value.downcast_object_ref::<Lazy>().is_some()
        || value.downcast_object_ref::<Groups>().is_some()
        || value.downcast_object_ref::<HostVars>().is_some()
        || value.downcast_object_ref::<VarsOf>().is_some()
}

/// What an expression has come to.
pub(super) fn to_json(value: &Value) -> Result<Json, Error> {
    json_of(value, 0, &mut 0)
}

/// `bytes` are those of the whole, so far.
fn json_of(value: &Value, depth: usize, bytes: &mut usize) -> Result<Json, Error> {
    *bytes += 4 + value.as_str().map_or(0, str::len);
    budget::fits_value(*bytes)?;
    let refuse = |why: String| Err(Error::new(ErrorKind::InvalidOperation, why));
    if depth > MAX_DEPTH {
        return refuse("its value is nested too deep".to_owned());
    }
    Ok(match value.kind() {
        ValueKind::Invalid => return text::sound(value.clone()).map(|_| Json::Null),
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::String => Json::from(value.as_str().unwrap_or_default()),
        ValueKind::Number => match (i128::try_from(value.clone()), value.to_string()) {
            (_, text) if text.contains(['.', 'e', 'E', 'N', 'i']) => {
                f64::try_from(value.clone()).map(scalar::from_f64)?
            }
            (Ok(number), _) => {
                Json::Number(serde_json::Number::from_i128(number).unwrap_or_else(|| 0.into()))
            }
            _ => return refuse("a number beyond 128 bits".to_owned()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.map(|item| json_of(&item, depth + 1, bytes)).collect::<Result<_, _>>()?
        }
        ValueKind::Map => {
            let mut members = Map::new();
            for key in value.try_iter()? {
                let name = match json_of(&key, depth + 1, bytes)? {
                    Json::String(text) => text,
                    key @ (Json::Null | Json::Bool(_) | Json::Number(_)) => key.to_string(),
                    _ => return refuse("a list or a dictionary cannot be a key".to_owned()),
                };
                members.insert(name, json_of(&value.get_item(&key)?, depth + 1, bytes)?);
            }
            members.into()
        }
        kind => match value.downcast_object_ref::<Big>() {
            Some(Big(digits)) => serde_json::from_str(digits).unwrap_or(Json::Null),
            None => return refuse(format!("its value is a {kind}")),
        },
    })
}
