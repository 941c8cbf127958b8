use super::path::ReadLink;
use super::pointer::Pointer;
use super::violation::{Broken, Violation};
use crate::{Resources, Statement, Url};

const MOST_VIOLATIONS: usize = 32;
const MOST_RESOURCES: usize = 256;

/// What has been found out about the arguments of one call so far.
pub(super) struct Findings<'a> {
    resources: Resources,
    count: usize,
    violations: Vec<Violation>,
    /// What follows symbolic links, where there is a file system.
    pub(super) read_link: Option<ReadLink<'a>>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(read_link: Option<ReadLink<'a>>) -> Self {
        Findings {
            resources: Resources::default(),
            count: 0,
            violations: Vec::new(),
            read_link,
        }
    }

    pub(super) fn refuse(&mut self, broken: Broken, pointer: &Pointer) {
        self.violate(broken.at(pointer.to_string()));
    }

    pub(super) fn violate(&mut self, violation: Violation) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(violation);
        }
    }

    pub(super) fn path(&mut self, path: String) {
        self.count += add(&mut self.resources.paths, path);
    }

    pub(super) fn url(&mut self, url: Url) {
        self.count += add(&mut self.resources.urls, url);
    }

    pub(super) fn statement(&mut self, statement: Statement) {
        self.count += add(&mut self.resources.statements, statement);
    }

    pub(super) fn command(&mut self, command: String) {
        self.count += add(&mut self.resources.commands, command);
    }

    pub(super) fn recipient(&mut self, recipient: String) {
        self.count += add(&mut self.resources.recipients, recipient);
    }

    pub(super) fn finish(mut self) -> Result<Resources, Vec<Violation>> {
        if self.count > MOST_RESOURCES {
            let message = format!(
                "a call names at most {MOST_RESOURCES} paths, addresses and tables; split it"
            );
            self.violate(Broken::new("too_large", message).at(String::new()));
        }
        match self.violations.is_empty() {
            true => Ok(self.resources),
            false => Err(self.violations),
        }
    }
}

/// Adds what is not there yet, as long as there is room, and says how many were added.
fn add<T: PartialEq>(to: &mut Vec<T>, new: T) -> usize {
    if to.len() > MOST_RESOURCES || to.contains(&new) {
        return 0;
    }
    to.push(new);
    1
}
