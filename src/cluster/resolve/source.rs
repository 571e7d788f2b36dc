//! Where a binary comes from.

use std::path::Path;

use crate::{
    cluster::{Source, profiles::controller_path, read::Reader},
    types::ids::Url,
};

/// A file of this machine, or a URL. `place`: the variable, and where in it this is.
pub(super) fn source(reader: &mut Reader, base: &Path, place: (&str, &str), text: &str) -> Option<Source> {
    if text.contains("://") {
        return url(reader, place, text.to_owned()).map(Source::Url);
    }
    let path = controller_path(base, text);
    if !path.is_file() {
        reader.wrong(place.0, format!("{}: there is no file {}", place.1, path.display()));
        return None;
    }
    Some(Source::File(path))
}

pub(super) fn url(reader: &mut Reader, (variable, at): (&str, &str), text: String) -> Option<Url> {
    Url::new(text).map_err(|invalid| reader.wrong(variable, format!("{at}: {}", invalid.why))).ok()
}
