//! Values as systemd's own parser reads them back: each directive has rules of its own (systemd.syntax(7),
//! systemd.service(5) "Command lines", systemd.unit(5) "Specifiers").

use crate::types::ids::Invalid;

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
    // `systemd-analyze verify`: "Executable name contains special characters", quoted or not.
    if program.contains(['"', '\'', '\\']) || program.contains(|c: char| c.is_ascii_control()) {
        return invalid(
            "ExecStart",
            format!("{program:?}: systemd runs no program with a quote or backslash in its path"),
        );
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

/// `BindPaths=` with one folder, the same inside: words end at blanks and colons, which quotes keep together. A
/// backslash takes the next character as it is, and is no C escape.
pub fn bind_paths(path: &str) -> Result<String, Invalid> {
    let path = bare_path(path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=@,+%~".contains(c);
    if path.chars().all(plain) {
        return Ok(path);
    }
    Ok(format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\"")))
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
            c if c.is_ascii_control() => quoted.extend(format!("\\x{:02x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// A small model of systemd's extract_first_word with quotes and C escapes (src/basic/extract-word.c).
    fn words(line: &str) -> Vec<String> {
        let (mut found, mut word, mut open, mut quote) = (Vec::new(), String::new(), false, None);
        let mut rest = line.chars();
        while let Some(c) = rest.next() {
            match (c, quote) {
                ('\\', _) => {
                    open = true;
                    match rest.next().unwrap() {
                        'x' => {
                            let digits: String = rest.by_ref().take(2).collect();
                            word.push(char::from(u8::from_str_radix(&digits, 16).unwrap()));
                        }
                        c @ ('\\' | '"') => word.push(c),
                        other => panic!("an escape that we do not write: {other:?}"),
                    }
                }
                ('"' | '\'', None) => (quote, open) = (Some(c), true),
                (c, Some(q)) if c == q => quote = None,
                (' ' | '\t', None) => {
                    if std::mem::take(&mut open) {
                        assert!(word != ";" || line.contains("\";\""), "a separator of commands");
                        found.push(std::mem::take(&mut word));
                    }
                }
                (c, _) => {
                    word.push(c);
                    open = true;
                }
            }
        }
        assert!(quote.is_none(), "an open quote");
        if open {
            found.push(word);
        }
        found
    }

    /// Only doubled marks may stand there: a single one would be expanded.
    fn undouble(text: &str, mark: char) -> String {
        let mut plain = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c == mark {
                assert_eq!(rest.next(), Some(mark), "{text:?} would be expanded");
            }
            plain.push(c);
        }
        plain
    }

    /// A model of what systemd makes of one word of `BindPaths=`: no C escapes, and a colon ends it.
    fn bound(line: &str) -> String {
        let (mut word, mut quoted) = (String::new(), false);
        let mut rest = line.chars();
        while let Some(c) = rest.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' => word.push(rest.next().unwrap()),
                ' ' | '\t' | ':' | '\'' if !quoted => panic!("{line:?} is not one word"),
                c => word.push(c),
            }
        }
        assert!(!quoted, "an open quote");
        word
    }

    fn decode_exec(line: &str) -> Vec<String> {
        assert!(!line.contains('\n') && !line.ends_with('\\'));
        let specifiers = words(line).into_iter().map(|word| undouble(&word, '%'));
        specifiers.enumerate().map(|(n, word)| if n == 0 { word } else { undouble(&word, '$') }).collect()
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            ".{0,12}",
            "[ \"'\\\\$%;:{}a\t#-]{0,10}",
            Just(String::new()),
            Just(";".into()),
            Just("${HOME}".into()),
            Just("%h".into()),
            Just("line\nline".into()),
        ]
    }

    proptest! {
        #[test]
        fn s9_arguments_arrive_as_they_are_or_are_refused(
            path in "/[a-z \"%'\\\\]{0,8}",
            arguments in proptest::collection::vec(hostile(), 0..5),
        ) {
            let argv: Vec<_> = [path].into_iter().chain(arguments).collect();
            match exec_start(&argv) {
                Ok(line) => prop_assert_eq!(decode_exec(&line), argv),
                Err(_) => prop_assert!(
                    argv.iter().any(|word| word.contains(['\n', '\r', '\0'])) || argv[0].contains(['"', '\'', '\\'])
                ),
            }
        }

        #[test]
        fn s9_variables_and_paths_arrive_as_they_are_or_are_refused(value in hostile()) {
            if let Ok(line) = environment("NAME", &value) {
                let decoded = words(&line).into_iter().map(|word| undouble(&word, '%'));
                prop_assert_eq!(decoded.collect::<Vec<_>>(), vec![format!("NAME={value}")]);
            } else {
                prop_assert!(value.contains(['\n', '\r', '\0']));
            }
            let path = format!("/home/{value}");
            if let Ok(line) = bare_path(&path) {
                prop_assert_eq!(undouble(line.trim(), '%'), path.as_str());
                prop_assert!(!line.ends_with('\\') && !line.contains('\n'));
                prop_assert_eq!(undouble(&bound(&bind_paths(&path).unwrap()), '%'), path);
            } else {
                prop_assert!(bind_paths(&path).is_err());
            }
        }
    }

    #[test]
    fn lines_read_as_people_write_them() {
        let argv = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let line = exec_start(&argv(&[
            "/home/u/loom",
            "run",
            "--persistent-peers",
            "tcp://a@[::1]:1,tcp://b@10.0.0.1:2",
        ]));
        assert_eq!(line.unwrap(), "/home/u/loom run --persistent-peers tcp://a@[::1]:1,tcp://b@10.0.0.1:2");
        let line = exec_start(&argv(&["/a b/$x", "50%", "$HOME", ";", "", "say \"hi\""]));
        assert_eq!(line.unwrap(), r#""/a b/$x" 50%% $$HOME ";" "" "say \"hi\"""#);
        assert!(exec_start(&[]).is_err() && exec_start(&argv(&["loom"])).is_err());
        let long = exec_start(&argv(&["/x", &"p".repeat(200_000)])).unwrap_err();
        assert!(long.to_string().contains("Linux takes up to 131071"));
        assert_eq!(bind_paths("/srv/node-0").unwrap(), "/srv/node-0");
        assert_eq!(bind_paths("/a b:c/100%").unwrap(), r#""/a b:c/100%%""#);
        assert!(bare_path("/a ").is_err() && bare_path("/a\\").is_err() && bare_path("a").is_err());
        assert!(environment("1A", "").is_err() && environment("A B", "").is_err());
    }
}
