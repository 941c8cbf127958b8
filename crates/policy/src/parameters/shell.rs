//! Commands: one program and its arguments, and nothing that a shell would make of them.
//!
//! A line is read by the rules of POSIX and refused as soon as a shell would do more than cut it
//! into words. Programs that run what they are given (shells, interpreters, `env`, `xargs`) are
//! refused, unless the tool names them in full, and so are the options by which others do, unless the
//! tool names both: `find -exec`.

mod split;
mod wrappers;

use serde_json::Value;

use super::findings::Findings;
use super::pointer::Pointer;
use super::violation::{Broken, quoted};
use super::{characters, glob};

const MOST_BYTES: usize = 32_768;
const MOST_WORDS: usize = 1024;

/// The folders whose programs are known by their names.
const OF_THE_SYSTEM: &[&str] = &[
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/local/bin/",
    "/opt/homebrew/bin/",
];

/// Which programs may be run.
#[derive(Debug, Clone, Default)]
pub(super) struct Programs {
    commands: Vec<String>,
}

impl Programs {
    pub(super) fn new(commands: &[String]) -> Self {
        Programs {
            commands: commands.to_vec(),
        }
    }

    /// Takes a line, a list of words, or a list of lists of words.
    pub(super) fn apply(&self, value: &Value, pointer: &mut Pointer, findings: &mut Findings<'_>) {
        if let Value::Array(items) = value
            && items.first().is_some_and(Value::is_array)
        {
            for (index, item) in items.iter().enumerate() {
                let length = pointer.push_index(index);
                self.apply(item, pointer, findings);
                pointer.truncate(length);
            }
            return;
        }
        self.note(
            words(value).and_then(|words| self.check(&words)),
            pointer,
            findings,
        );
    }

    /// A command whose arguments stand apart from it: `command` and `args`.
    pub(super) fn apply_pair(
        &self,
        command: &Value,
        arguments: &Value,
        pointer: &Pointer,
        findings: &mut Findings<'_>,
    ) {
        let read = || {
            let mut all = words(command)?;
            all.extend(words(arguments)?);
            self.check(&all)
        };
        self.note(read(), pointer, findings);
    }

    fn note(&self, read: Result<String, Broken>, pointer: &Pointer, findings: &mut Findings<'_>) {
        match read {
            Ok(command) => findings.command(command),
            Err(broken) => findings.refuse(broken, pointer),
        }
    }

    /// The name of the program, if it may be run with these arguments.
    fn check(&self, words: &[String]) -> Result<String, Broken> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Broken::new(
                "shell_empty",
                "a command begins with a program; name one",
            ));
        };
        let command = name_of(program)?;
        let named = self.commands.contains(&command);
        if !glob::any_or_none(&self.commands, &command) {
            let message = format!(
                "{} may not be run with this tool; use an allowed program",
                quoted(&command)
            );
            return Err(Broken::new("shell_command", message));
        }
        let known = wrappers::known_name(&command);
        if !named && wrappers::runs_others(&known) {
            let message = format!(
                "{} runs what it is given; run that program itself, or name {0} for this tool",
                quoted(&command)
            );
            return Err(Broken::new("shell_wrapper", message));
        }
        if let Some(option) = wrappers::running_option(&known, arguments)
            && !self.commands.contains(&format!("{command} {option}"))
        {
            let message = format!(
                "{} may make {} run other programs; leave it out",
                quoted(option),
                quoted(&command)
            );
            return Err(Broken::new("shell_option", message));
        }
        Ok(command)
    }
}

/// The words of a command. A text is cut by the rules of a shell, a list is taken as it is.
fn words(value: &Value) -> Result<Vec<String>, Broken> {
    let words = match value {
        Value::String(line) => split::line(line)?,
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(word) => Ok(word.clone()),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err(Broken::new(
                    "type",
                    "a command is a list of texts; give one",
                )),
            })
            .collect::<Result<_, _>>()?,
        _ => {
            return Err(Broken::new(
                "type",
                "a command is a text or a list of texts; give one",
            ));
        }
    };
    let bytes: usize = words.iter().map(String::len).sum();
    if words.len() > MOST_WORDS || bytes > MOST_BYTES {
        let message =
            format!("a command has at most {MOST_WORDS} words and {MOST_BYTES} bytes; give less");
        return Err(Broken::new("too_large", message));
    }
    if let Some(word) = words.iter().find(|word| holds_controls(word)) {
        let message = format!(
            "{} holds a line break or another character that cannot be seen; leave it out",
            quoted(word)
        );
        return Err(Broken::new("shell_control", message));
    }
    Ok(words)
}

fn holds_controls(word: &str) -> bool {
    word.chars()
        .any(|symbol| symbol != '\t' && characters::is_unprintable(symbol))
}

/// What a program is called: its name in a folder of the system, else its path.
fn name_of(program: &str) -> Result<String, Broken> {
    let sound = !program.is_empty()
        && !program.starts_with('-')
        && program
            .chars()
            .all(|symbol| symbol.is_ascii_alphanumeric() || "._-+/\\: ".contains(symbol))
        && !super::path::has_climbing_part(program)
        && program.trim() == program;
    if !sound {
        let message = format!("{} is no name of a program; give one", quoted(program));
        return Err(Broken::new("shell_command", message));
    }
    let name = OF_THE_SYSTEM
        .iter()
        .find_map(|folder| program.strip_prefix(folder))
        .filter(|name| !name.contains('/'));
    Ok(name.unwrap_or(program).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(commands: &[&str], value: &Value) -> Result<String, &'static str> {
        let commands: Vec<_> = commands.iter().map(ToString::to_string).collect();
        let programs = Programs::new(&commands);
        words(value)
            .and_then(|words| programs.check(&words))
            .map_err(|broken| broken.rule)
    }

    #[test]
    fn one_program_with_its_arguments_may_be_run() {
        for value in [
            json!("git log --oneline -5"),
            json!("grep -rn 'a|b; c' src"),
            json!(["git", "commit", "-m", "a; b && $(c)"]),
            json!("/usr/bin/git status"),
        ] {
            assert!(run(&["git", "grep"], &value).is_ok(), "{value}");
        }
    }

    #[test]
    fn what_a_shell_would_make_more_of_is_refused() {
        for (value, rule) in [
            (json!("ls; rm x"), "shell_meta"),
            (json!("ls $(id)"), "shell_meta"),
            (json!("ls \"$HOME\""), "shell_meta"),
            (json!("A=b ls"), "shell_meta"),
            (json!("ls 'open"), "shell_quote"),
            (json!("ls\nid"), "shell_meta"),
            (json!(["ls", "a\nb"]), "shell_control"),
            (json!("sh -c id"), "shell_wrapper"),
            (json!(["env", "x"]), "shell_wrapper"),
            (json!(["python3.12", "-c", "1"]), "shell_wrapper"),
            (json!(["find", ".", "-exec", "id"]), "shell_option"),
            (json!(["git", "-c", "core.pager=id", "log"]), "shell_option"),
            (
                json!(["tar", "--checkpoint-action=exec=id"]),
                "shell_option",
            ),
            (json!([]), "shell_empty"),
            (json!(["/tmp/../bin/ls"]), "shell_command"),
        ] {
            assert_eq!(run(&[], &value), Err(rule), "{value}");
        }
    }

    #[test]
    fn a_program_elsewhere_is_another_program() {
        assert_eq!(run(&["git"], &json!(["/tmp/git"])), Err("shell_command"));
        assert_eq!(run(&["git"], &json!(["./git"])), Err("shell_command"));
        assert!(run(&["/opt/tools/*"], &json!(["/opt/tools/git"])).is_ok());
    }

    #[test]
    fn only_a_full_name_allows_what_runs_others() {
        assert_eq!(run(&["*"], &json!(["sh", "x.sh"])), Err("shell_wrapper"));
        assert!(run(&["sh"], &json!(["sh", "x.sh"])).is_ok());
        let command = json!(["find", ".", "-exec", "id", "+"]);
        assert_eq!(run(&["find"], &command), Err("shell_option"));
        assert!(run(&["find", "find -exec"], &command).is_ok());
    }
}
