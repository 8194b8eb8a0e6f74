//! Commands as one line that a person can paste into a terminal.

use std::env;

/// Who reads the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// `sh` and those like it.
    Posix,
    /// The command prompt of Windows.
    Cmd,
    /// PowerShell, 5.1 as every Windows has it and later.
    PowerShell,
}

impl Shell {
    /// The shells of this system, the likeliest first.
    pub fn here() -> &'static [Self] {
        Self::of(env::consts::OS)
    }

    fn of(system: &str) -> &'static [Self] {
        match system {
            "windows" => &[Self::Cmd, Self::PowerShell],
            _ => &[Self::Posix],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Posix => "a shell",
            Self::Cmd => "cmd",
            Self::PowerShell => "PowerShell",
        }
    }

    /// The words as one line.
    pub fn line<W: AsRef<str>>(self, words: &[W]) -> String {
        let words = words.iter().map(AsRef::as_ref);
        match self {
            Self::Posix => words.map(posix).collect::<Vec<_>>().join(" "),
            Self::Cmd => words.map(cmd).collect::<Vec<_>>().join(" "),
            Self::PowerShell => powershell(&words.collect::<Vec<_>>()),
        }
    }
}

/// The line for the likeliest shell of this system.
pub fn line<W: AsRef<str>>(words: &[W]) -> String {
    Shell::here().first().copied().unwrap_or(Shell::Posix).line(words)
}

/// The lines for the shells of this system: one, where all read the same.
pub fn lines<W: AsRef<str>>(words: &[W]) -> String {
    lines_of(Shell::here(), words)
}

fn lines_of<W: AsRef<str>>(shells: &[Shell], words: &[W]) -> String {
    let lines: Vec<(&str, String)> =
        shells.iter().map(|shell| (shell.name(), shell.line(words))).collect();
    match lines.as_slice() {
        [(_, first), rest @ ..] if rest.iter().all(|(_, line)| line == first) => first.clone(),
        lines => {
            let named = lines.iter().map(|(name, line)| format!("{name}:  {line}"));
            named.collect::<Vec<_>>().join("\n")
        }
    }
}

fn posix(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@%+=:,./_-".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Both shells of Windows take such a word as it is.
fn is_plain_on_windows(word: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || r"\+=:./_-".contains(c);
    !word.is_empty() && word.chars().all(is_plain)
}

/// A word as a program of Windows takes its command line apart (`CommandLineToArgvW`): quotes have
/// a backslash before them, and backslashes are doubled where a quote follows.
fn argument(word: &str) -> String {
    let mut quoted = String::from('"');
    let mut backslashes = 0;
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                quoted.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(c);
    }
    quoted.push_str(&"\\".repeat(backslashes));
    quoted.push('"');
    quoted
}

/// `cmd` knows nothing of backslashes before quotes: where one is in the word, or a `%`, each
/// character that it would act on has a `^`.
fn cmd(word: &str) -> String {
    if is_plain_on_windows(word) {
        return word.to_owned();
    }
    let quoted = argument(word);
    match word.contains(['"', '%', '!']) {
        false => quoted,
        true => quoted
            .chars()
            .flat_map(|c| r#"()%!^"<>&|"#.contains(c).then_some('^').into_iter().chain([c]))
            .collect(),
    }
}

/// PowerShell passes a quote within a word on in ways that depend on its version; after `--%` all
/// versions hand the rest of the line to the program as it is.
fn powershell(words: &[&str]) -> String {
    let quoted = |word: &str| match is_plain_on_windows(word) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "''")),
    };
    let Some((program, rest)) = words.split_first() else { return String::new() };
    let program = match quoted(program) {
        plain if plain == *program => plain,
        quoted => format!("& {quoted}"),
    };
    let is_hard = |word: &&str| word.is_empty() || word.contains('"') || word.ends_with('\\');
    let rest: Vec<String> = match rest.iter().any(is_hard) {
        false => rest.iter().map(|word| quoted(word)).collect(),
        true => {
            let word = |word: &&str| match is_plain_on_windows(word) {
                true => (*word).to_owned(),
                false => argument(word),
            };
            std::iter::once("--%".to_owned()).chain(rest.iter().map(word)).collect()
        }
    };
    std::iter::once(program).chain(rest).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_the_words_as_it_reads_them() {
        let cases: &[(&[&str], &str, &str, &str)] = &[
            (
                &["uvx", "mcp-trackio", "--toolsets", "runs,metrics"],
                "uvx mcp-trackio --toolsets runs,metrics",
                r#"uvx mcp-trackio --toolsets "runs,metrics""#,
                "uvx mcp-trackio --toolsets 'runs,metrics'",
            ),
            (
                &[r"C:\Program Files\m\mcp-trackio.exe", "--dir", r"C:\it's here\"],
                r"'C:\Program Files\m\mcp-trackio.exe' --dir 'C:\it'\''s here\'",
                r#""C:\Program Files\m\mcp-trackio.exe" --dir "C:\it's here\\""#,
                r#"& 'C:\Program Files\m\mcp-trackio.exe' --% --dir "C:\it's here\\""#,
            ),
            (
                &["claude", "add", r#"{"a":"C:\\b & c","d":"50%"}"#],
                r#"claude add '{"a":"C:\\b & c","d":"50%"}'"#,
                r#"claude add ^"{\^"a\^":\^"C:\\b ^& c\^",\^"d\^":\^"50^%\^"}^""#,
                r#"claude --% add "{\"a\":\"C:\\b & c\",\"d\":\"50%\"}""#,
            ),
            (
                &[r"C:\m\mcp-trackio.exe", "$HOME", "a;b", "it's", "(x)", "-s", "--env", "A=b c"],
                r#"'C:\m\mcp-trackio.exe' '$HOME' 'a;b' 'it'\''s' '(x)' -s --env 'A=b c'"#,
                r#"C:\m\mcp-trackio.exe "$HOME" "a;b" "it's" "(x)" -s --env "A=b c""#,
                r#"C:\m\mcp-trackio.exe '$HOME' 'a;b' 'it''s' '(x)' -s --env 'A=b c'"#,
            ),
            (&["x", ""], "x ''", r#"x """#, r#"x --% """#),
        ];
        for (words, posix, cmd, powershell) in cases {
            assert_eq!(Shell::Posix.line(words), *posix);
            assert_eq!(Shell::Cmd.line(words), *cmd);
            assert_eq!(Shell::PowerShell.line(words), *powershell);
        }
    }

    #[test]
    fn shells_that_read_the_same_share_a_line() {
        let windows = Shell::of("windows");
        assert_eq!(lines_of(windows, &["uvx", "mcp-trackio"]), "uvx mcp-trackio");
        assert_eq!(lines_of(windows, &["x", "a b"]), "cmd:  x \"a b\"\nPowerShell:  x 'a b'");
        for system in ["linux", "macos"] {
            assert_eq!(lines_of(Shell::of(system), &["x", "a b"]), "x 'a b'");
        }
    }
}
