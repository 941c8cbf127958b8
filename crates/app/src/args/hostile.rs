//! Whatever stands on the command line: it is understood or refused, and never a panic.

use clap::{Arg, ArgAction, CommandFactory as _, Parser as _};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Audit, Cli, Command};
use crate::console::Console;

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

fn text() -> impl Strategy<Value = String> {
    let words = [
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1",
        "1e999",
        "NaN",
        "0.001",
        "99999999999999999999",
        "null",
        "true",
        "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f",
        "agent_",
        "ic_x",
        "a=b",
        "=",
        "a.b.c=",
        "@",
        "../../etc/passwd",
        "2025-13-41",
        "2025-12-10T10:30:45Z",
        "0 9 * * MON",
        "* * * * * *",
        "Europe/Berlin",
        "a,b,,c",
        "{}",
        "[",
        "%00",
        "\u{0}",
        "\u{202e}\u{1b}[2J",
        "ü",
        "🦀",
        "https://[::1",
        "file:///",
        "--json",
        "-q",
        "json",
    ];
    prop_oneof![
        4 => select(words.to_vec()).prop_map(str::to_owned),
        2 => "\\PC{0,12}",
        1 => any::<String>(),
        1 => (1_usize..5000).prop_map(|length| "x".repeat(length)),
    ]
}

/// How a piece of the tree is put on the line.
type Picks = (Index, Vec<(Index, String, bool)>, Vec<(Index, u8, String)>);

fn picks() -> impl Strategy<Value = Picks> {
    let arguments = vec((any::<Index>(), text(), any::<bool>()), 0..8);
    let mutations = vec((any::<Index>(), 0_u8..6, text()), 0..4);
    (any::<Index>(), arguments, mutations)
}

/// All paths of nouns and verbs, with what they take.
fn leaves(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, Vec<Arg>)>) {
    found.push((path.to_vec(), command.get_arguments().cloned().collect()));
    for verb in command.get_subcommands() {
        let path = [path, &[verb.get_name().to_owned()]].concat();
        leaves(verb, &path, found);
    }
}

/// A line: a path, arguments that it takes with values that it may not take, and some damage.
fn line(leaves: &[(Vec<String>, Vec<Arg>)], (leaf, arguments, mutations): &Picks) -> Vec<String> {
    let (path, known) = leaf.get(leaves);
    let mut words = path.clone();
    for (which, value, joined) in arguments {
        if known.is_empty() {
            break;
        }
        let argument = which.get(known);
        let takes = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
        match argument.get_long() {
            Some(name) if takes && *joined => words.push(format!("--{name}={value}")),
            Some(name) => {
                words.push(format!("--{name}"));
                words.extend(takes.then(|| value.clone()));
            }
            None => words.push(value.clone()),
        }
    }
    for (place, kind, value) in mutations {
        if words.is_empty() {
            break;
        }
        let at = place.index(words.len());
        match kind {
            0 => drop(words.remove(at)),
            1 => words.insert(at, value.clone()),
            2 => words.insert(at, words[at].clone()),
            3 => words[at] = value.clone(),
            4 => words.swap(at, 0),
            _ => words[at] = words[at].chars().rev().collect(),
        }
    }
    [vec!["iron".to_owned()], words].concat()
}

/// Whether a command touches nothing but the server that it is told to talk to.
fn only_talks(command: &Command) -> bool {
    match command {
        Command::Config(verb) => !verb.is_local(),
        Command::Audit(Audit::List { .. } | Audit::Me { .. } | Audit::Get { .. }) => true,
        Command::Audit(_) => false,
        Command::Up(_) | Command::Down(_) | Command::Serve(_) | Command::Router(_) => false,
        Command::Doctor(_) | Command::Completions { .. } => false,
        Command::Login(_) | Command::Logout { .. } | Command::Auth(_) => false,
        _ => true,
    }
}

fn tree() -> Vec<(Vec<String>, Vec<Arg>)> {
    let mut command = Cli::command();
    command.build();
    let mut found = Vec::new();
    leaves(&command, &[], &mut found);
    assert!(found.len() > 100, "{}", found.len());
    found
}

#[test]
fn no_line_makes_the_parser_panic() {
    let leaves = tree();
    proptest!(ProptestConfig::with_cases(4000), |(picks in picks())| {
        match Cli::try_parse_from(line(&leaves, &picks)) {
            Ok(_) => {}
            // What is said about it can be said too.
            Err(error) => prop_assert!(!error.render().to_string().is_empty()),
        }
    });
}

#[test]
fn what_parses_runs_without_a_server_and_ends_with_an_error() {
    let leaves = tree();
    proptest!(ProptestConfig::with_cases(3000), |(picks in picks())| {
        let mut words = line(&leaves, &picks);
        words.extend(["--server".to_owned(), NOWHERE.to_owned()]);
        let Ok(mut cli) = Cli::try_parse_from(words) else { return Ok(()) };
        if !only_talks(&cli.command) {
            return Ok(());
        }
        cli.global.server = Some(NOWHERE.to_owned());
        let console = Console::new(true, true, true, true);
        let outcome = crate::commands::run(cli, console);
        prop_assert!(outcome.is_err(), "nobody listens there");
    });
}

#[test]
fn the_tree_is_sound_and_every_verb_says_what_it_is_for() {
    Cli::command().debug_assert();
    let mut command = Cli::command();
    command.build();
    fn walk(command: &clap::Command, path: &str) {
        for verb in command
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
        {
            let path = format!("{path} {}", verb.get_name());
            assert!(verb.get_about().is_some(), "{path} says nothing of itself");
            for argument in verb
                .get_arguments()
                .filter(|argument| !argument.is_hide_set())
            {
                assert!(
                    argument.get_help().is_some(),
                    "{path}: {} has no help",
                    argument.get_id()
                );
            }
            walk(verb, &path);
        }
    }
    walk(&command, "iron");
}
