//! `loomctl chain list|show|check`: profiles, those in the program and one's own.

use std::path::Path;

use super::{
    args::Chain,
    files,
    view::{offline, out},
};
use crate::{
    chain::profile::{Profile, builtin_files, builtin_names},
    cluster::profiles,
    session::error,
    types::diagnostic::Diagnostic,
};

pub fn chain(command: &Chain) -> u8 {
    match command {
        Chain::List => {
            let profiles: Vec<Profile> = builtin_names().into_iter().filter_map(Profile::builtin).collect();
            offline::chains(&profiles);
            error::OK
        }
        Chain::Show { name, out } => match show(name, out.as_deref()) {
            Ok(()) => error::OK,
            Err(problem) => offline::refuse(&[problem]),
        },
        Chain::Check { dir } => match profiles::own(dir) {
            Ok(profile) => {
                offline::chains(&[profile]);
                offline::trust(dir);
                error::OK
            }
            Err(problems) => offline::refuse(&problems),
        },
    }
}

fn show(name: &str, out: Option<&Path>) -> Result<(), Diagnostic> {
    let Some(files) = builtin_files(name) else { return Err(profiles::unknown(name)) };
    match out {
        None => out::document(files[0].1),
        Some(folder) => {
            files::new_folder(folder)?;
            for (file, text) in files {
                files::write(&folder.join(file), text)?;
            }
        }
    }
    Ok(())
}
