//! The chains that are in the binary.

pub(super) struct Embedded {
    pub name: &'static str,
    pub profile: &'static str,
    pub templates: &'static [(&'static str, &'static str)],
}

macro_rules! embedded {
    ($chain:literal, $($template:literal),*) => {
        Embedded {
            name: $chain,
            profile: include_str!(concat!("../../../templates/", $chain, "/profile.yaml")),
            templates: &[$(($template, include_str!(concat!("../../../templates/", $chain, "/", $template)))),*],
        }
    };
}

pub(super) const BUILTIN: &[Embedded] = &[
    embedded!("cometbft", "unit.service", "unit.user.service"),
    embedded!("cometbft-app",),
    embedded!("cosmos", "unit.service", "unit.user.service"),
    embedded!("kaia", "unit.service", "unit.user.service", "genesis.json", "kcn.yaml"),
    embedded!("loom", "unit.service", "unit.user.service", "loom.yml"),
    embedded!("tendermint",),
];

/// The chains that are in the binary.
pub fn builtin_names() -> Vec<&'static str> {
    BUILTIN.iter().map(|chain| chain.name).collect()
}

/// A built-in profile as it is written: file name and text, `profile.yaml` first.
pub fn builtin_files(name: &str) -> Option<Vec<(&'static str, &'static str)>> {
    let chain = BUILTIN.iter().find(|chain| chain.name == name)?;
    Some([("profile.yaml", chain.profile)].into_iter().chain(chain.templates.iter().copied()).collect())
}
