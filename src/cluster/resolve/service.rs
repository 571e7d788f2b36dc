//! The services of one node: `services: {NAME: {binary, binary_sha256, unit_name, unit}}`.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::source::source;
use crate::{
    chain::{profile::Profile, unit::UnitOverrides},
    cluster::{Binary, Service, read::Reader},
    types::{
        ids::{Invalid, ServiceName, Sha256, UnitName},
        nearest::nearest,
    },
};

const FIELDS: [&str; 4] = ["binary", "binary_sha256", "unit_name", "unit"];

/// All that the profile has, in their order; `unit_name`: of the node's own unit. `None`: something is wrong with one.
pub(super) fn services(
    reader: &mut Reader,
    base: &Path,
    profile: &Profile,
    unit_name: &UnitName,
) -> Option<Vec<Service>> {
    let mut given = reader.maps("services");
    let known: Vec<&str> = profile.services.keys().map(ServiceName::as_str).collect();
    for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
        let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let why = format!("{} has no service {name:?} (it has: {has})", profile.name);
        reader.wrong("services", meant(&why, name, &known));
    }
    let mut all = Vec::new();
    for name in profile.services.keys() {
        let fields = given.shift_remove(name.as_str()).unwrap_or_default();
        all.push(Fields { reader, name, given: fields }.service(base, profile, unit_name));
    }
    // Each has been read, so that all problems come at once.
    all.into_iter().collect()
}

/// The name of a service's unit, where the inventory gives none.
pub(super) fn derived(unit_name: &UnitName, service: &ServiceName) -> Result<UnitName, Invalid> {
    UnitName::new(format!("{unit_name}-{service}"))
}

fn meant(why: &str, word: &str, known: &[&str]) -> String {
    let near = nearest(word, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    format!("{why}{}", near.unwrap_or_default())
}

struct Fields<'r, 'p, 'h> {
    reader: &'r mut Reader<'h>,
    name: &'p ServiceName,
    given: IndexMap<String, Value>,
}

impl Fields<'_, '_, '_> {
    fn service(mut self, base: &Path, profile: &Profile, unit_name: &UnitName) -> Option<Service> {
        let unknown: Vec<String> =
            self.given.keys().filter(|field| !FIELDS.contains(&field.as_str())).cloned().collect();
        for field in unknown {
            let why = format!("unknown key `services.{}.{field}`", self.name);
            self.reader.wrong("services", meant(&why, &field, &FIELDS));
        }
        let of_profile = &profile.services[self.name].binary;
        let binary = self.text("binary").or_else(|| {
            let why = format!("services.{}.binary is missing", self.name);
            let help = format!(
                "set it to the path of {} on this machine, or to a URL that each host can pull it from",
                of_profile.name
            );
            self.reader.wrong_but("services", why, help);
            None
        });
        let place = format!("services.{}.binary", self.name);
        let source = source(self.reader, base, ("services", &place), &binary?);
        let pinned = self.typed("binary_sha256", Sha256::new);
        let unit_name = self.typed("unit_name", UnitName::new).or_else(|| derived(unit_name, self.name).ok());
        let unit = self.unit();
        let binary = Binary { source: source?, pinned, local: None };
        Some(Service { name: self.name.clone(), unit_name: unit_name?, unit, binary })
    }

    fn wrong<T>(&mut self, field: &str, why: &str) -> Option<T> {
        self.reader.wrong("services", format!("services.{}.{field}: {why}", self.name));
        None
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.given.get(field) {
            Some(Value::String(text)) => Some(text.clone()),
            None | Some(Value::Null) => None,
            Some(_) => self.wrong(field, "it must be a text"),
        }
    }

    fn typed<T>(&mut self, field: &str, make: impl Fn(String) -> Result<T, Invalid>) -> Option<T> {
        let text = self.text(field)?;
        make(text).map_err(|invalid| self.wrong::<()>(field, &invalid.why)).ok()
    }

    fn unit(&mut self) -> UnitOverrides {
        let mut unit = UnitOverrides::new();
        let given = match self.given.get("unit").cloned() {
            Some(Value::Object(given)) => given,
            None | Some(Value::Null) => return unit,
            Some(_) => return self.wrong("unit", "it must be a dictionary").unwrap_or_default(),
        };
        for (section, directives) in given {
            match directives {
                Value::Object(directives) => drop(unit.insert(section, directives.into_iter().collect())),
                _ => drop(self.wrong::<()>("unit", &format!("{section} must be a dictionary"))),
            }
        }
        unit
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::plan::sim::{cluster, try_cluster};

    fn inventory(services: &str, hosts: &str) -> String {
        format!(
            "all:\n  vars: {{chain: cometbft-app, binary: /bin/sh, user: u{services}}}\n  hosts: {{{hosts}}}\n"
        )
    }

    #[test]
    fn each_has_a_unit_and_a_binary_of_its_own() {
        let services = ", services: {app: {binary: /bin/cat, unit: {Service: {Nice: 5}}}}";
        let two = cluster(&inventory(
            services,
            "a: {ansible_host: h, working_directory: /a}, b: {ansible_host: h, working_directory: /b, \
             ports: {p2p: 1, rpc: 2, app: 3, prometheus: 4}}",
        ));
        let names: Vec<&str> = two.nodes.iter().map(|node| node.services[0].unit_name.as_str()).collect();
        assert_eq!(names, ["cometbft-a-app", "cometbft-b-app"], "two nodes of one machine");
        let one = cluster(&inventory(services, "a: {}"));
        assert_eq!(one.nodes[0].services[0].unit_name.as_str(), "cometbft-app");
        assert_eq!(one.nodes[0].services[0].unit["Service"]["Nice"], 5);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sum = "0".repeat(63);
        for (services, said) in [
            (String::new(), "services.app.binary is missing"),
            (
                ", services: {ap: {binary: /bin/cat}}".into(),
                "no service \"ap\" (it has: app); did you mean `app`?",
            ),
            (", services: {app: {binry: /bin/cat}}".into(), "`services.app.binry`; did you mean `binary`?"),
            (", services: {app: {binary: /none}}".into(), "services.app.binary: there is no file /none"),
            (
                format!(", services: {{app: {{binary: /bin/cat, binary_sha256: '{sum}'}}}}"),
                "services.app.binary_sha256: ",
            ),
            (
                ", services: {app: {binary: /bin/cat, unit: 3}}".into(),
                "services.app.unit: it must be a dictionary",
            ),
        ] {
            let problems = try_cluster(&inventory(&services, "a: {}")).unwrap_err();
            assert!(problems.iter().any(|problem| problem.message.contains(said)), "{said}: {problems:?}");
        }
    }
}
