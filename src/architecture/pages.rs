//! Pages with blocks that are generated.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn at(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}

pub fn read(page: &str) -> String {
    fs::read_to_string(at(page)).unwrap()
}

/// The block `<!-- generated: NAME -->` of a page holds exactly this text. `INSTA_UPDATE=always` writes it there.
pub fn holds(page: &str, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- /generated -->");
    let old = read(page);
    let (before, rest) = old.split_once(&begin).expect("the page has no such block");
    let (block, after) = rest.split_once(end).expect("the block has no end");
    if block == text {
        return;
    }
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        fs::write(at(page), [before, &begin, text, end, after].concat()).unwrap();
        return;
    }
    let line = block.lines().zip(text.lines()).find(|(old, new)| old != new);
    panic!("{page}, block {name}: run again with INSTA_UPDATE=always; the first line that differs: {line:?}");
}

/// The cells of a table's row.
pub fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}
