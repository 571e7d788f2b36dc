//! Values as systemd's own parser reads them back: each directive has rules of its own (systemd.syntax(7),
//! systemd.service(5) "Command lines", systemd.unit(5) "Specifiers").

use crate::model::ids::Invalid;

/// systemd's limit for one line of a unit (LONG_LINE_MAX), and Linux's for one argument (MAX_ARG_STRLEN).
const LINE_LIMIT: usize = 1024 * 1024;
const ARGUMENT_LIMIT: usize = 128 * 1024 - 1;

fn invalid<T>(what: &'static str, why: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid { what, why: why.into() })
}

/// argv as one `ExecStart=` value. The first word is the program's absolute path: systemd does not expand `$` there.
pub fn exec_start(argv: &[String]) -> Result<String, Invalid> {
    let Some((program, arguments)) = argv.split_first() else {
        return invalid("ExecStart", "there is no program");
    };
    if !program.starts_with('/') {
        return invalid("ExecStart", format!("{program:?} is not an absolute path"));
    }
    let mut words = vec![word("ExecStart", program)?.replace('%', "%%")];
    for argument in arguments {
        if argument.len() > ARGUMENT_LIMIT {
            let why = format!("an argument of {} bytes: Linux takes up to {ARGUMENT_LIMIT}", argument.len());
            return invalid("ExecStart", why);
        }
        words.push(word("ExecStart", argument)?.replace('%', "%%").replace('$', "$$"));
    }
    let line = words.join(" ");
    if line.len() > LINE_LIMIT {
        return invalid(
            "ExecStart",
            format!("{} bytes: systemd reads up to {LINE_LIMIT} in a line", line.len()),
        );
    }
    Ok(line)
}

/// `Environment=` with one assignment: specifiers are read there, `$` is not.
pub fn environment(name: &str, value: &str) -> Result<String, Invalid> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(good) {
        return invalid("Environment", format!("{name:?} is not a variable's name"));
    }
    Ok(word("Environment", &format!("{name}={value}"))?.replace('%', "%%"))
}

/// `WorkingDirectory=` and other paths that stand alone: no quotes, only specifiers.
pub fn bare_path(path: &str) -> Result<String, Invalid> {
    if !path.starts_with('/') {
        return invalid("path", format!("{path:?} is not absolute"));
    }
    bare("path", path)
}

/// Free text such as `Description=`.
pub fn text(text: &str) -> Result<String, Invalid> {
    bare("text", text)
}

/// What stands unquoted to the end of the line: a backslash there would swallow the next line, and white space
/// around it is cut off.
fn bare(what: &'static str, value: &str) -> Result<String, Invalid> {
    if value.contains(char::is_control) {
        return invalid(what, format!("{value:?} holds a control character, which a unit file cannot carry"));
    }
    if value.ends_with('\\') || value.trim_matches([' ', '\t']) != value {
        return invalid(what, format!("{value:?}: systemd would change a backslash or blank at the end"));
    }
    Ok(value.replace('%', "%%"))
}

/// One word, quoted where it has to be.
fn word(what: &'static str, word: &str) -> Result<String, Invalid> {
    if word.contains(['\0', '\n', '\r']) {
        return invalid(what, format!("{word:?} holds a newline or NUL, which a unit file cannot carry"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%$[]{}~^*?!#".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Ok(word.to_owned());
    }
    let mut quoted = String::from('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => quoted += &format!("\\x{:02x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}
