//! The notation of the rules: files of words and of the order they stand in.
//!
//! ```text
//! language en                      # part of each rule's id
//! gap 3                            # most words between two slots, unless a line says otherwise
//! set ignore: ignore, disregard*, pay no attention to
//! set previous: previous, prior, above
//! set instructions: instruction*, prompt
//! rule override.previous high instruction_override in any
//!   {ignore} {previous} {instructions}
//!   ^{ignore} ~0 "everything" ~1 {previous|above}
//!   unless {negation}
//! ```
//!
//! A **set** is a list of phrases. They are searched as [`Reading`] writes them: accents, case and
//! look-alikes make no difference. A phrase begins and ends at borders of words, but for scripts
//! that write none; `*` at its end takes the rest of the word in, at its beginning what is
//! prefixed to it. A **pattern** is a row of slots, each a set, several (`{a|b}`) or a phrase in
//! quotation marks. `~2` before a slot lets at most two words stand before it, `>8` eight words,
//! also of other sentences; `^` before the first slot wants it to begin a line, a sentence or a
//! clause. `unless` lists sets that void a match if they stand up to four words before it.
//! `use common` takes in the rules that all languages share, over the sets of the file. `cue`
//! names sets that tell that a text speaks about attacks, `hint` those that tell it of what is
//! quoted. `keys` lists words that are searched
//! reversed and in ciphers of shifted letters, too.
//! `in user` and `in data` are for texts of users only, and for those that only a tool, a document
//! or a memory may hold; `in output` for what a model says or asks of a tool.

use std::collections::HashMap;

use crate::finding::{Channel, Entity, Severity};
use crate::text::Reading;

/// What a phrase is searched as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Phrase {
    pub(super) text: String,
    /// Whether a border of words must stand before it.
    pub(super) opens: bool,
    pub(super) closes: Closing,
}

impl Phrase {
    /// A phrase without borders.
    pub(super) fn anywhere(written: &str) -> Self {
        Self {
            text: Reading::new(written).text().to_owned(),
            opens: false,
            closes: Closing::Anything,
        }
    }
}

/// What may follow a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Closing {
    Border,
    /// The rest of the word, which is part of it.
    Rest,
    Anything,
}

/// A place of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) phrases: Vec<Phrase>,
    /// Most words between the slot before and this one.
    pub(super) gap: usize,
    /// Whether they may be of other sentences.
    pub(super) across: bool,
}

/// One line of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    pub(super) slots: Vec<Slot>,
    /// Whether it begins a line, a sentence or a clause.
    pub(super) opens: bool,
}

/// The channels of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Any,
    User,
    Data,
    Output,
}

impl Scope {
    pub(super) fn holds(self, channel: Channel) -> bool {
        let data = matches!(
            channel,
            Channel::ToolResult | Channel::Document | Channel::Memory
        );
        let output = matches!(channel, Channel::Output | Channel::ToolArguments);
        match self {
            Self::Any => true,
            Self::User => !data && !output,
            Self::Data => data,
            Self::Output => output,
        }
    }
}

/// A rule of a file.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) entity: Entity,
    pub(super) scope: Scope,
    pub(super) patterns: Vec<Pattern>,
    pub(super) unless: Vec<Phrase>,
}

/// Why a file of rules cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GrammarError {
    /// A line is none of the notation.
    #[error("line {line} of the rules `{file}` is {problem}")]
    Line {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a line of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It begins with no word of the notation.
    #[error(
        "no `language`, `gap`, `set`, `rule`, `unless`, `use`, `cue`, `hint`, `keys` or pattern"
    )]
    Unknown,
    /// It names a set that the file does not write.
    #[error("about the set `{0}`, which the file does not write")]
    NoSet(String),
    /// The severity, entity or channel of the rule is none.
    #[error("a rule of `{0}`, which is no severity, entity or channel")]
    NoKind(String),
    /// A number is none.
    #[error("with `{0}` where a number belongs")]
    NoNumber(String),
    /// A slot is not closed, or empty.
    #[error("with a slot that is not closed or empty")]
    BadSlot,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) rules: Vec<Rule>,
    pub(super) cues: Vec<Phrase>,
    pub(super) hints: Vec<Phrase>,
    /// Words in lower case.
    pub(super) keys: Vec<String>,
}

/// Reads a file, and `common` where it says so.
pub(super) fn parse(file: &str, text: &str, common: &str) -> Result<Sheet, GrammarError> {
    let mut reader = Reader {
        language: file.to_owned(),
        gap: 3,
        sets: HashMap::new(),
        sheet: Sheet::default(),
        common: common.to_owned(),
    };
    reader.file(file, text)?;
    Ok(reader.sheet)
}

struct Reader {
    language: String,
    gap: usize,
    sets: HashMap<String, Vec<Phrase>>,
    sheet: Sheet,
    common: String,
}

impl Reader {
    /// Reads the sets first, so that rules may stand above them.
    fn file(&mut self, file: &str, text: &str) -> Result<(), GrammarError> {
        let lines = || {
            let lines = text.lines().enumerate();
            let lines = lines.map(|(index, line)| (index, line.split(" #").next().unwrap_or(line)));
            lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        };
        let at = |index: usize| {
            move |problem| GrammarError::Line {
                file: file.to_owned(),
                line: index + 1,
                problem,
            }
        };
        for (index, line) in lines() {
            if let Some(set) = line.strip_prefix("set ") {
                self.set(set).map_err(at(index))?;
            }
        }
        for (index, line) in lines() {
            if line == "use common" {
                let common = std::mem::take(&mut self.common);
                self.file("common", &common)?;
            } else {
                self.line(line.trim()).map_err(at(index))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), Problem> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "language" => rest.clone_into(&mut self.language),
            "gap" => self.gap = number(rest)?,
            "set" => {}
            "rule" => self.rule(rest)?,
            "unless" => self.unless(rest)?,
            "cue" => {
                let phrases = self.slot(rest)?;
                self.sheet.cues.extend(phrases);
            }
            "hint" => {
                let phrases = self.slot(rest)?;
                self.sheet.hints.extend(phrases);
            }
            "keys" => self
                .sheet
                .keys
                .extend(rest.split(',').map(|key| key.trim().to_owned())),
            _ => self.pattern(line)?,
        }
        Ok(())
    }

    /// A set; `{other}` among its phrases takes in all of another.
    fn set(&mut self, rest: &str) -> Result<(), Problem> {
        let (name, phrases) = rest.split_once(':').ok_or(Problem::Unknown)?;
        let mut set = Vec::new();
        for phrase in phrases.split(',').map(str::trim) {
            match phrase
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(other) => set.extend(self.known(other)?.iter().cloned()),
                None => set.extend(read_phrase(phrase)),
            }
        }
        self.sets.entry(name.to_owned()).or_default().extend(set);
        Ok(())
    }

    fn known(&self, name: &str) -> Result<&Vec<Phrase>, Problem> {
        let set = self.sets.get(name);
        set.ok_or_else(|| Problem::NoSet(name.to_owned()))
    }

    fn rule(&mut self, rest: &str) -> Result<(), Problem> {
        let mut words = rest.split_whitespace();
        let name = words.next().ok_or(Problem::Unknown)?;
        let severity = words.next().unwrap_or_default();
        let entity = words.next().unwrap_or_default();
        let scope = words.nth(1).unwrap_or("any");
        let no_kind = |word: &str| Problem::NoKind(word.to_owned());
        self.sheet.rules.push(Rule {
            id: format!("injection.{}.{name}", self.language),
            severity: severity_of(severity).ok_or_else(|| no_kind(severity))?,
            entity: Entity::named(entity).ok_or_else(|| no_kind(entity))?,
            scope: scope_of(scope).ok_or_else(|| no_kind(scope))?,
            patterns: Vec::new(),
            unless: Vec::new(),
        });
        Ok(())
    }

    fn unless(&mut self, rest: &str) -> Result<(), Problem> {
        let phrases = self.slot(rest.trim())?;
        let rule = self.sheet.rules.last_mut().ok_or(Problem::Unknown)?;
        rule.unless.extend(phrases);
        Ok(())
    }

    fn pattern(&mut self, line: &str) -> Result<(), Problem> {
        if !line.starts_with(['{', '"', '^']) {
            return Err(Problem::Unknown);
        }
        let mut pattern = Pattern::default();
        let (mut gap, mut across) = (self.gap, false);
        let mut rest = line;
        if let Some(after) = rest.strip_prefix('^') {
            pattern.opens = true;
            rest = after;
        }
        while !rest.is_empty() {
            let (token, after) = token(rest)?;
            rest = after.trim_start();
            if let Some(words) = token.strip_prefix('~') {
                gap = number(words)?;
            } else if let Some(words) = token.strip_prefix('>') {
                (gap, across) = (number(words)?, true);
            } else {
                let phrases = self.slot(token)?;
                pattern.slots.push(Slot {
                    phrases,
                    gap,
                    across,
                });
                (gap, across) = (self.gap, false);
            }
        }
        let rule = self.sheet.rules.last_mut().ok_or(Problem::Unknown)?;
        rule.patterns.push(pattern);
        Ok(())
    }

    fn slot(&self, token: &str) -> Result<Vec<Phrase>, Problem> {
        if let Some(phrase) = token.strip_prefix('"') {
            let phrase = phrase.strip_suffix('"').ok_or(Problem::BadSlot)?;
            return Ok(read_phrase(phrase).into_iter().collect());
        }
        let names = token
            .strip_prefix('{')
            .and_then(|names| names.strip_suffix('}'));
        let mut phrases = Vec::new();
        for name in names.ok_or(Problem::BadSlot)?.split('|') {
            phrases.extend(self.known(name)?.iter().cloned());
        }
        Ok(phrases)
    }
}

/// Splits the first token of a pattern off.
fn token(rest: &str) -> Result<(&str, &str), Problem> {
    let length = match rest.as_bytes().first() {
        Some(b'{') => rest.find('}').ok_or(Problem::BadSlot)? + 1,
        Some(b'"') => {
            rest.get(1..)
                .and_then(|rest| rest.find('"'))
                .ok_or(Problem::BadSlot)?
                + 2
        }
        _ => rest.find(' ').ok_or(Problem::BadSlot)?,
    };
    rest.split_at_checked(length).ok_or(Problem::BadSlot)
}

fn number(word: &str) -> Result<usize, Problem> {
    word.trim()
        .parse()
        .map_err(|_| Problem::NoNumber(word.to_owned()))
}

fn severity_of(word: &str) -> Option<Severity> {
    Some(match word {
        "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" => Severity::High,
        _ => return None,
    })
}

fn scope_of(word: &str) -> Option<Scope> {
    Some(match word {
        "any" => Scope::Any,
        "user" => Scope::User,
        "data" => Scope::Data,
        "output" => Scope::Output,
        _ => return None,
    })
}

fn read_phrase(written: &str) -> Option<Phrase> {
    let (written, opens) = match written.strip_prefix('*') {
        Some(rest) => (rest, false),
        None => (written, true),
    };
    let (written, rest) = match written.strip_suffix('*') {
        Some(rest) => (rest, true),
        None => (written, false),
    };
    let text = Reading::new(written).text().trim().to_owned();
    let bordered = !text.chars().any(is_unspaced);
    let closes = match (bordered, rest) {
        (false, _) => Closing::Anything,
        (true, true) => Closing::Rest,
        (true, false) => Closing::Border,
    };
    (!text.is_empty()).then_some(Phrase {
        text,
        opens: opens && bordered,
        closes,
    })
}

/// Whether the script of the character writes words without spaces between them.
pub(super) fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{0E00}'..='\u{0EFF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}
