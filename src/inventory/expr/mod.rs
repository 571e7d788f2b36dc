//! `{{ }}` in values, rendered when a variable is used, as ansible-core 2.19 renders it.
//!
//! The language is Jinja's, by the engine of its own author. `source` (a template's text), `engine` (the engine, set up),
//! `guard` and `budget` (what an expression may cost),
//! `filters` and `checks` (what stands behind `|` and `is`), `text` (values as Python prints them), `values` (variables
//! as the engine sees them, each rendered when it is asked for), `world` (`hostvars`, `groups`).

mod budget;
mod checks;
mod engine;
mod filters;
mod globals;
mod guard;
mod held;
mod source;
mod text;
mod values;
mod world;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{Error, ErrorKind};
use serde_json::Value as Json;

use super::{Host, Var, document, scalar};
use crate::types::{diagnostic::Diagnostic, nearest::nearest, redact};
use values::Scope;
pub use world::World;

/// Variables that need each other one after another: each takes a part of the stack.
const MAX_CHAIN: usize = 40;

/// What Ansible knows of a host without being told.
const OWN: [&str; 7] = [
    "inventory_hostname",
    "inventory_hostname_short",
    "group_names",
    "inventory_file",
    "inventory_dir",
    "groups",
    "hostvars",
];

pub(super) fn get(host: &Host, name: &str) -> Result<Option<Json>, Diagnostic> {
    let var = host.vars.get(name);
    if let Some(var) = var.filter(|var| var.marks.sealed.is_empty() && is_plain(&var.value)) {
        return Ok(Some(scalar::finite(var.value.clone())));
    }
    let known = var.is_some() || OWN[..5].contains(&name);
    let Some(nth) = host.world.hosts.get_index_of(&host.name).filter(|_| known) else { return Ok(None) };
    budget::begin();
    let run = Arc::new(Run::of(host.world.clone()));
    let scope = Scope { run: run.clone(), host: nth, through_hostvars: false };
    let Some(found) = scope.named(name) else { return Ok(None) };
    let value = found.and_then(|value| {
        values::to_json(&value).map_err(|error| match var {
            Some(var) => scope.stop(name, var, &error),
            None => Stop { problem: Box::new(Diagnostic::error(error.to_string())), undefined: false },
        })
    });
    if run.secret.load(Ordering::Relaxed) {
        value.iter().for_each(learn);
    }
    value.map(|value| Some(scalar::finite(value))).map_err(|stop| *stop.problem)
}

/// What was made of something encrypted is no more to be shown than that.
fn learn(value: &Json) {
    match value {
        Json::String(text) => redact::learn(text),
        Json::Array(items) => items.iter().for_each(learn),
        Json::Object(members) => members.values().for_each(learn),
        _ => {}
    }
}

/// Whether there is nothing to render in it.
fn is_plain(value: &Json) -> bool {
    match value {
        Json::String(text) => !source::is_template(text),
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(members) => members.values().all(is_plain),
        _ => true,
    }
}

/// Why there is no value.
#[derive(Debug)]
struct Stop {
    problem: Box<Diagnostic>,
    /// Something was not set: `default` may help, further out.
    undefined: bool,
}

/// One variable's rendering, with all that it needs.
#[derive(Debug)]
struct Run {
    world: Arc<World>,
    /// The variables being rendered, outermost first, by host and name.
    open: Mutex<Vec<(usize, Arc<str>)>>,
    /// What could not be rendered further in.
    inner: Mutex<Option<Stop>>,
    /// Names that were asked for and are not set.
    missing: Mutex<Vec<String>>,
    /// Something encrypted was used.
    secret: AtomicBool,
}

impl Run {
    fn of(world: Arc<World>) -> Self {
        let (open, inner, missing) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { world, open, inner, missing, secret: AtomicBool::new(false) }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Arc<str>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missing(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value for the engine in place of one that there is not: it goes on where something may be undefined.
    fn failed(&self, stop: Stop) -> minijinja::Value {
        let undefined = stop.undefined;
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        if undefined {
            return minijinja::Value::UNDEFINED;
        }
        Error::new(ErrorKind::InvalidOperation, "a variable cannot be rendered").into()
    }
}

impl Scope {
    /// A variable of this host, or what Ansible knows of it. `None`: there is none of that name.
    fn named(&self, name: &str) -> Option<Result<minijinja::Value, Stop>> {
        let (_, facts) = self.run.world.hosts.get_index(self.host)?;
        match facts.vars.get_key_value(name) {
            Some((name, var)) => Some(self.variable(name, var)),
            None => self.own(name).map(Ok),
        }
    }

    fn variable(&self, name: &Arc<str>, var: &Arc<Var>) -> Result<minijinja::Value, Stop> {
        let this = (self.host, name.clone());
        let open = self.run.open().clone();
        if open.contains(&this) {
            let names = open.iter().chain([&this]).map(|(_, name)| &**name);
            let chain = names.collect::<Vec<_>>().join(" > ");
            return Err(self.refused(name, var, &format!("it needs itself: {chain}")));
        }
        if open.len() >= MAX_CHAIN {
            return Err(self.refused(
                name,
                var,
                &format!("more than {MAX_CHAIN} variables need each other, one after another"),
            ));
        }
        if var.marks.secret {
            self.run.secret.store(true, Ordering::Relaxed);
        }
        self.run.open().push(this);
        let value = self.part(name, var, "", &var.value);
        self.run.open().pop();
        value
    }

    /// A variable's value, or what stands in it at `pointer`.
    fn part(
        &self,
        name: &Arc<str>,
        var: &Arc<Var>,
        pointer: &str,
        value: &Json,
    ) -> Result<minijinja::Value, Stop> {
        if var.marks.sealed.iter().any(|sealed| sealed == pointer) {
            return self.opened(name, var, value);
        }
        let is_below = |of: &String| {
            pointer.strip_prefix(of.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match value {
            Json::String(text) if source::is_template(text) && !var.marks.literal.iter().any(is_below) => {
                self.rendered(name, var, text)
            }
            _ => Ok(values::of(self, name, var, pointer, value)),
        }
    }

    /// What was encrypted; it is no template, and is never shown.
    fn opened(&self, name: &str, var: &Var, value: &Json) -> Result<minijinja::Value, Stop> {
        self.run.secret.store(true, Ordering::Relaxed);
        let opened = self.run.world.hosts[self.host].vault.open_text(value.as_str().unwrap_or_default());
        opened
            .map(|text| {
                redact::learn(&text);
                text.into()
            })
            .map_err(|why| {
                let mut stop = self.refused(name, var, &why.to_string());
                stop.problem.help = Some(why.help().to_owned());
                stop
            })
    }

    fn rendered(&self, name: &str, var: &Var, text: &str) -> Result<minijinja::Value, Stop> {
        engine::render(text, self.context()).map_err(|error| self.stop(name, var, &error))
    }

    fn refused(&self, name: &str, var: &Var, why: &str) -> Stop {
        let host = self.run.world.hosts.get_index(self.host).map_or("", |(name, _)| name.as_str());
        let message = format!("`{name}` of the host `{host}` cannot be rendered: {why}");
        Stop { problem: Box::new(Diagnostic::error(message).at(var.place.as_ref())), undefined: false }
    }

    /// What the engine says, in our words; what was wrong further in says more.
    fn stop(&self, name: &str, var: &Var, error: &Error) -> Stop {
        let undefined = error.kind() == ErrorKind::UndefinedError;
        let inner = self.run.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(inner) = inner.filter(|inner| inner.undefined == undefined) {
            return inner;
        }
        let missing = std::mem::take(&mut *self.run.missing());
        let mut stop = match missing.as_slice() {
            [] if undefined => self.refused(name, var, "something in it is undefined"),
            names if undefined => {
                let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                self.refused(name, var, &format!("undefined: {names}"))
            }
            _ => self.refused(name, var, &engine::reason(error)),
        };
        stop.undefined = undefined;
        let known = self.run.world.hosts[self.host].vars.keys().map(|name| &**name).chain(OWN);
        let near = missing.last().filter(|_| undefined).and_then(|name| nearest(name, known));
        stop.problem.help = near.map(|near| format!("did you mean `{near}`?"));
        stop
    }
}

/// The JSON pointer of a member; of a list its number.
fn below(pointer: &str, key: &str) -> String {
    document::child(pointer, key)
}
