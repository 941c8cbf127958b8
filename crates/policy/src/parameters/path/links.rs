//! Where a path leads once symbolic links are followed.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use crate::parameters::violation::{Broken, quoted};

use super::{Folders, Plain};

/// What reads a symbolic link, for those who have a file system: `std::fs::read_link`.
pub type ReadLink<'a> = &'a dyn Fn(&str) -> io::Result<PathBuf>;

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

impl Folders {
    /// Where a path leads, if that, too, is where it may. Roots are followed like paths. A path that
    /// is relative, for want of a root, is given back as it is.
    pub(in crate::parameters) fn follow(
        &self,
        path: Plain,
        read: ReadLink<'_>,
    ) -> Result<Plain, Broken> {
        if !path.absolute {
            return Ok(path);
        }
        let roots = self
            .roots()
            .iter()
            .map(|root| follow(root, read))
            .collect::<Result<Vec<_>, _>>()?;
        let end = follow(&path, read)?;
        self.with_roots(roots).admit(&end)?;
        Ok(end)
    }
}

fn follow(path: &Plain, read: ReadLink<'_>) -> Result<Plain, Broken> {
    let mut ahead: VecDeque<String> = path.parts.iter().cloned().collect();
    let mut end = Plain {
        parts: Vec::new(),
        ..path.clone()
    };
    let mut followed = 0;
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            end.parts.pop();
            continue;
        }
        end.parts.push(part);
        let Some(target) = target_of(&end, read)? else {
            continue;
        };
        followed += 1;
        if followed > MOST_LINKS {
            return Err(unreadable(path, "leads through too many symbolic links"));
        }
        end.parts.pop();
        if target.starts_with('/') {
            end.parts.clear();
        }
        let parts = target
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".");
        for part in parts.rev() {
            ahead.push_front(part.to_owned());
        }
    }
    Ok(end)
}

fn target_of(path: &Plain, read: ReadLink<'_>) -> Result<Option<String>, Broken> {
    match read(&path.to_string()) {
        Ok(target) => match target.into_os_string().into_string() {
            Ok(target) => Ok(Some(target)),
            Err(_) => Err(unreadable(path, "is a symbolic link that is no text")),
        },
        Err(error) => match error.kind() {
            // What is no link, or is not there yet, leads nowhere else.
            io::ErrorKind::InvalidInput
            | io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(unreadable(path, "cannot be read")),
        },
    }
}

fn unreadable(path: &Plain, what: &str) -> Broken {
    let message = format!("{} {what}; give another path", quoted(&path.to_string()));
    Broken::new("path_symlink", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> io::Result<PathBuf> {
        match path {
            "/data/out" => Ok("/etc".into()),
            "/data/up" => Ok("../../etc/passwd".into()),
            "/data/in" => Ok("sub/./deep".into()),
            "/data/loop" => Ok("loop".into()),
            "/tmp" => Ok("private/tmp".into()),
            "/data/locked" => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn lead(root: &str, path: &str) -> Result<String, &'static str> {
        let folders = Folders::new(&[root.to_owned()], &[]).unwrap();
        let path = folders.check(path).unwrap();
        folders
            .follow(path, &read)
            .map(|path| path.to_string())
            .map_err(|broken| broken.rule)
    }

    #[test]
    fn a_link_may_not_lead_out_of_the_roots() {
        assert_eq!(lead("/data", "in/x").as_deref(), Ok("/data/sub/deep/x"));
        assert_eq!(lead("/data", "out/passwd"), Err("path_outside_roots"));
        assert_eq!(lead("/data", "up"), Err("path_outside_roots"));
        assert_eq!(lead("/data", "loop"), Err("path_symlink"));
        assert_eq!(lead("/data", "locked/x"), Err("path_symlink"));
    }

    #[test]
    fn a_root_may_be_a_link_itself() {
        assert_eq!(lead("/tmp", "x").as_deref(), Ok("/private/tmp/x"));
    }
}
